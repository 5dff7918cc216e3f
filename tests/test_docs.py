"""The documents keep their word: programs run, commands exist, links lead somewhere.

Every ```python block is a program, run in an empty folder. `<!-- continues -->` above a block joins it to the one
before; a block under `<!-- no-run: why -->` is only compiled. In ```bash, ```sh and ```console blocks, what calls
`perdure` or `make` is held against the commands, options and targets that there are.
"""

import ast
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click
import pytest
from markdown_it import MarkdownIt

from perdure.cli.main import main

ROOT = Path(__file__).parents[1]
REQUIRED = ["README.md", "CHANGELOG.md", "docs/design.md", "docs/protocol.md", "docs/glossary.md"]
TARGETS = set(re.findall(r"^([a-z][\w-]*):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
PROGRAM_SECONDS_MAX = 60


@dataclass
class Program:
    """Blocks that run as one, each on the lines where its document has it: tracebacks point there."""

    line: int
    source: str
    runs: bool


@dataclass
class Document:
    programs: list[Program] = field(default_factory=list[Program])
    commands: list[str] = field(default_factory=list[str])
    links: list[str] = field(default_factory=list[str])
    anchors: set[str] = field(default_factory=set[str])


def read(text: str) -> Document:
    document, remark, heading = Document(), "", False
    for token in MarkdownIt().parse(text):
        kind = token.info.split(" ")[0] if token.type == "fence" else ""
        if kind == "python" and token.map:
            add_block(document.programs, token.map[0] + 1, token.content, remark)
        elif kind in {"bash", "sh", "console"}:
            document.commands.extend(typed(token.content, prompted=kind == "console"))
        elif token.type == "inline":
            links = [child for child in token.children or () if child.type == "link_open"]
            document.links.extend(str(link.attrs["href"]) for link in links)
            if heading:
                document.anchors.add(anchor(token.content))
        heading = token.type == "heading_open"
        remark = token.content.strip() if token.type == "html_block" else ""
    return document


def add_block(programs: list[Program], line: int, content: str, remark: str) -> None:
    if remark == "<!-- continues -->":
        begun = programs[-1]
        begun.source += "\n" * (line - begun.source.count("\n")) + content
    else:
        runs = re.fullmatch(r"<!-- no-run: \S.* -->", remark) is None
        programs.append(Program(line, "\n" * line + content, runs))


def typed(block: str, *, prompted: bool) -> Iterator[str]:
    """What a person types: each line of a script; of a console, the lines after a prompt."""
    for line in block.replace("\\\n", " ").splitlines():
        if line.startswith("$ ") or not prompted:
            yield line.removeprefix("$ ")


def anchor(heading: str) -> str:
    """A heading's name in links, as code hosts make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def unknown(line: str, perdure: click.Command) -> str | None:
    """The first word that `perdure` or `make` would not know; None as well where the line calls neither."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    words = list(lexer)
    while words and re.match(r"[A-Z_]+=", words[0]):
        words.pop(0)
    program, *words = words or [""]
    words = words[: next((n for n, word in enumerate(words) if word[0] in "|&;<>"), None)]
    if program == "make":
        targets = [word for word in words if "=" not in word and not word.startswith("-")]
        return next((target for target in targets if target not in TARGETS), None)
    return unknown_to(perdure, words) if program == "perdure" else None


def unknown_to(command: click.Command, words: list[str]) -> str | None:
    context = click.Context(command)
    options = {name: param for param in command.get_params(context) for name in (*param.opts, *param.secondary_opts)}
    rest = iter(words)
    for word in rest:
        name, valued, _ = word.partition("=")
        if word.startswith("-") and word != "-":
            if name not in options:
                return name
            option = options[name]
            if isinstance(option, click.Option) and not (option.is_flag or option.count or valued):
                next(rest, None)
        elif isinstance(command, click.Group):
            inner = command.get_command(context, word)
            return unknown_to(inner, list(rest)) if inner else word
    return None


def broken(link: str, document: Path) -> str | None:
    """Why a link leads nowhere; None for one that does, or that leaves the project."""
    if re.match(r"[a-z]+:", link):
        return None
    name, _, heading = link.partition("#")
    target = document.parent / name if name else document
    if not target.exists():
        return f"{link}: there is no such file"
    if heading and heading not in read(target.read_text(encoding="utf-8")).anchors:
        return f"{link}: there is no such heading"
    return None


def module_name(document: str) -> str:
    """What its programs are called: after it, but not as what Python itself imports (http.md)."""
    name = Path(document).stem.lower().replace("-", "_")
    return f"{name}_page" if name in sys.stdlib_module_names else name


def run(program: Program, name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder / f"{name}.py"
    file.write_text(program.source, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PERDURE_")}
    return subprocess.run(
        [sys.executable, file],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=PROGRAM_SECONDS_MAX,
    )


PATHS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
DOCUMENTS = {path.relative_to(ROOT).as_posix(): read(path.read_text(encoding="utf-8")) for path in PATHS}
PROGRAMS = [
    pytest.param(name, program, id=f"{name}:{program.line}")
    for name, document in DOCUMENTS.items()
    for program in document.programs
]


@pytest.mark.parametrize("name", REQUIRED)
def test_a_document_is_there(name: str) -> None:
    assert name in DOCUMENTS


@pytest.mark.parametrize(("name", "program"), PROGRAMS)
def test_programs_run(name: str, program: Program, tmp_path: Path) -> None:
    if program.runs:
        done = run(program, module_name(name), tmp_path)
        assert done.returncode == 0, f"{name}:{program.line}\n{done.stdout}{done.stderr}"
    else:
        compile(program.source, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_exist(name: str) -> None:
    assert [line for line in DOCUMENTS[name].commands if unknown(line, main)] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    assert [why for link in DOCUMENTS[name].links if (why := broken(link, ROOT / name))] == []


SAMPLE = """# A *sample*, in short

See [it](b.md#more) and [out](https://example.org).

```python
x = 1
```

<!-- continues -->
```python
raise ValueError(x)
```

<!-- no-run: needs a key -->
```python
await forever()
```

```console
$ perdure start \\
    fulfil
make nothing: that is output
```
"""


def test_a_document_is_read() -> None:
    document = read(SAMPLE)
    assert [(program.line, program.runs) for program in document.programs] == [(5, True), (15, False)]
    assert document.commands == ["perdure start      fulfil"]
    assert document.links == ["b.md#more", "https://example.org"]
    assert document.anchors == {"a-sample-in-short"}


def test_a_program_that_fails_points_to_its_line_in_the_document(tmp_path: Path) -> None:
    done = run(read(SAMPLE).programs[0], "sample", tmp_path)
    assert done.returncode == 1
    assert "line 11, in <module>\n    raise ValueError(x)" in done.stderr
    assert SAMPLE.splitlines()[11 - 1] == "raise ValueError(x)"


@click.group()
@click.option("--world")
def sample_main() -> None: ...


@sample_main.command()
@click.argument("name")
@click.option("--wait", is_flag=True)
def start(name: str) -> None: ...


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("perdure --world sqlite:///x start fulfil --wait | jq .runId", None),
        ("PERDURE_WORLD=memory:// perdure start --wait fulfil > perdure", None),
        ("perdure begin fulfil", "begin"),
        ("perdure start fulfil --stay=1", "--stay"),
        ("perdure --wait start fulfil", "--wait"),
        ("make demo ARGS=--keep PYTHON=python3.13 -s", None),
        ("make test coffee  # first", "coffee"),
        ("make PYTHON", "PYTHON"),
        ("pip install perdure", None),
        ("", None),
    ],
)
def test_an_unknown_word_is_found(line: str, word: str | None) -> None:
    assert unknown(line, sample_main) == word


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("## More\n")
    here = tmp_path / "a.md"
    assert broken("b.md#more", here) is None
    assert broken("https://example.org/c.md", here) is None
    assert broken("b.md#less", here) == "b.md#less: there is no such heading"
    assert broken("c.md", here) == "c.md: there is no such file"
