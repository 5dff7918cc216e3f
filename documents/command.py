"""What a page says of the command line: what the parser itself knows."""

import re
from collections.abc import Iterable

import click

from documents.text import Link, fenced, markdown
from perdure.cli.main import main

FOR_ALL = {"--world", "--backend", "--by", "--help"}
"""Explained once, on top of the page."""
TYPED = re.compile(r"(?<![\w`-])(?:--[a-z][\w-]*|PERDURE_[A-Z_]+|@\w+(?:\([^)]*\))?)(?![\w`-])")
"""What stands for itself in a sentence: options, variables, decorators."""
PROMISED = re.compile(r"\x08\n((?:.+\n?)+)")


def found(path: str) -> tuple[click.Command, click.Context]:
    """Of `perdure inspect runs`. Raises: KeyError."""
    command: click.Command = main
    context = click.Context(command, info_name="perdure")
    for word in path.split()[1:]:
        assert isinstance(command, click.Group)
        command = command.commands[word]
        context = click.Context(command, parent=context, info_name=word)
    return command, context


def commands(path: str = "perdure") -> list[str]:
    """All that do something: groups only lead there."""
    command, _ = found(path)
    if not isinstance(command, click.Group):
        return [path]
    return [each for name in command.commands for each in commands(f"{path} {name}")]


def one(path: str, link: Link) -> str:
    command, context = found(path)
    usage = fenced([" ".join((path, *command.collect_usage_pieces(context)))], "text")
    rows = [f"| {option_name(option, context)} | {_cell(meaning(option))} |" for option in options(command)]
    table = ["\n".join(("| option | meaning |", "| --- | --- |", *rows))] if rows else []
    return "\n\n".join((usage, helped(command, link), *table))


def group(path: str, link: Link) -> str:
    """Its commands in a table, and below it their options: which of them has which."""
    command, context = found(path)
    assert isinstance(command, click.Group)
    commands = [(name, found(f"{path} {name}")) for name in command.list_commands(context)]
    rows = [
        f"| `{' '.join((name, *_words(each, its)))}` | {_cell(_flat(each, link))} |" for name, (each, its) in commands
    ]
    table = "\n".join(("| command | what it does |", "| --- | --- |", *rows))
    return "\n\n".join((helped(command, link), table, _shared_options(commands)))


def overview() -> str:
    rows = [
        f"| [`{name}`](#{name}) | {_cell(command.get_short_help_str(200))} |" for name, command in main.commands.items()
    ]
    return "\n".join(("| command | what it does |", "| --- | --- |", *rows))


def _shared_options(commands: list[tuple[str, tuple[click.Command, click.Context]]]) -> str:
    having: dict[tuple[str, str], dict[str, click.Option]] = {}
    for name, (command, context) in commands:
        for option in options(command):
            having.setdefault((option_name(option, context), option.help or ""), {})[name] = option
    every = [name for name, _ in commands]
    rows = [f"| {option} | {_which(of, every)} | {_cell(_meaning(of))} |" for (option, _), of in having.items()]
    return "\n".join(("| option | of | meaning |", "| --- | --- | --- |", *rows))


def _which(having: Iterable[str], every: list[str]) -> str:
    """The shorter way to say it."""
    of = [f"`{name}`" for name in every if name in having]
    others = [f"`{name}`" for name in every if name not in having]
    but = f"all but {', '.join(others)}" if others else "all"
    return but if len(others) < len(of) else ", ".join(of)


def _meaning(having: dict[str, click.Option]) -> str:
    """Without the default, where it isn't the same for all."""
    said = {meaning(option) for option in having.values()}
    return said.pop() if len(said) == 1 else next(iter(having.values())).help or ""


def _words(command: click.Command, context: click.Context) -> list[str]:
    return [word for word in command.collect_usage_pieces(context) if word != "[OPTIONS]"]


def options(command: click.Command) -> list[click.Option]:
    shown = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
    return [option for option in shown if not FOR_ALL & set(option.opts)]


def option_name(option: click.Option, context: click.Context) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    if option.is_flag:
        return names
    word = option.make_metavar(context)
    return f"{names[:-1]} {'N' if word.startswith('INTEGER') else word}`".replace("|", "\\|")


def meaning(option: click.Option) -> str:
    """The default comes from the parser, unless it is a flag's, or the text says it."""
    text = (option.help or "").strip() + (" Required." if option.required else "")
    default = option.default
    told = option.show_default or (default is not None and not option.is_flag and "default" not in text)
    known = told and isinstance(default, str | int | float) and default != ""
    return f"{text} Default: `{default}`." if known else text


def helped(command: click.Command, link: Link) -> str:
    """Blocks that the parser may not lay out (`\\b`) are what somebody types, or sees."""
    text = re.sub(r"(?m)^ {4}", "", command.help or "").rstrip()
    parts: list[str] = []
    for number, part in enumerate(PROMISED.split(f"{text}\n")):
        if number % 2:
            lines = [line.removeprefix("  ") for line in part.rstrip().splitlines()]
            parts.append(fenced(lines, "sh" if lines[0].startswith("perdure ") else "text"))
        elif part.strip():
            parts.append(markdown(TYPED.sub(r"`\g<0>`", part), link))
    return "\n\n".join(parts)


def _flat(command: click.Command, link: Link) -> str:
    prose = re.sub(r"(?s)```.*?```", "", helped(command, link))
    return re.sub(r"\s*\n\s*", " ", prose.strip())


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", text)
