"""The command line as the reference shows it."""

import click
import pytest

from documents.command import commands, found, group, helped, meaning, one, option_name, options, overview


def nowhere(_name: str) -> None:
    return None


@click.command()
@click.argument("name")
@click.option("--many", "-m", type=click.IntRange(min=1), default=3, help="How many.")
@click.option("--kind", type=click.Choice(["a", "b"]), required=True, help="Which.")
@click.option("--now", is_flag=True, help="At once.")
@click.option("--world", help="Where.")
@click.option("--secret", hidden=True)
def sample(**_: object) -> None:
    """Do it, with --now in no time.

    \b
      perdure sample x
    """


def test_options_are_those_of_the_parser() -> None:
    context = click.Context(sample, info_name="sample")
    assert [(option_name(option, context), meaning(option)) for option in options(sample)] == [
        ("`--many`, `-m N`", "How many. Default: `3`."),
        ("`--kind [a\\|b]`", "Which. Required."),
        ("`--now`", "At once."),
    ]


def test_a_help_text_is_markdown() -> None:
    assert helped(sample, nowhere) == "Do it, with `--now` in no time.\n\n```sh\nperdure sample x\n```"


def test_a_command() -> None:
    text = one("perdure wake", nowhere)
    assert text.startswith("```text\nperdure wake [OPTIONS] RUN\n```\n\nEnd the pending sleeps")
    assert "--world" not in text


def test_a_group_says_which_of_its_commands_has_an_option() -> None:
    lines = group("perdure inspect", nowhere).splitlines()
    assert "| `--url URL` | all |" in "\n".join(lines)
    assert any(line.startswith("| `--jsonl` | all but `run`, `step` |") for line in lines)
    assert any(line.startswith("| `--watch` | `run` |") for line in lines)


def test_all_commands_are_known() -> None:
    assert {"perdure start", "perdure db prune", "perdure inspect runs"} <= {*commands()}
    assert "perdure inspect" not in commands()
    assert overview().count("\n") == len(found("perdure")[0].commands) + 1  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(KeyError):
        found("perdure nothing")
