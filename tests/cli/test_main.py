"""The group: its help, its version, and what an error becomes."""

import click
import pytest
from click.testing import CliRunner

import perdure
from perdure.cli.main import Commands, main
from perdure.errors import RunNotFound
from tests.cli.shop import say


@click.group(cls=Commands)
@click.option("--debug", is_flag=True)
def program(debug: bool) -> None: ...


@program.command()
def missing() -> None:
    raise RunNotFound("wrun_1")


@program.command()
def interrupted() -> None:
    raise KeyboardInterrupt


@program.command()
def unread() -> None:
    raise BrokenPipeError


def test_all_commands_in_order() -> None:
    assert list(main.commands) == [
        "start", "inspect", "logs", "stream", "resume-hook", "cancel", "retry", "repin", "rerun", "fork", "debug", "wake",
        "worker", "serve", "web", "health", "check", "scorecard", "export", "db",
    ]  # fmt: skip
    told = say("--help").stdout
    assert [line.split()[0] for line in told.partition("Commands:\n")[2].splitlines()] == list(main.commands)


def every(command: click.Command, name: str) -> list[tuple[str, click.Command]]:
    inner = command.commands.items() if isinstance(command, click.Group) else ()
    return [(name, command), *(found for word, each in inner for found in every(each, f"{name} {word}"))]


@pytest.mark.parametrize(("name", "command"), every(main, "perdure"))
def test_every_command_and_option_explains_itself(name: str, command: click.Command) -> None:
    assert command.help, name
    for param in command.params:
        assert isinstance(param, click.Argument) or param.help or param.hidden, f"{name} {param.name}"


def test_the_version() -> None:
    assert say("--version").stdout == f"{perdure.__version__}\n"


def test_an_error_is_a_sentence_and_a_code() -> None:
    done = CliRunner().invoke(program, ["missing"])
    assert (done.exit_code, done.stdout) == (3, "")
    assert done.stderr == "perdure: there is no run wrun_1 in this world: check the id and the world's URL\n"


def test_a_traceback_for_who_asks() -> None:
    done = CliRunner().invoke(program, ["--debug", "missing"])
    assert isinstance(done.exception, RunNotFound)


def test_an_interruption_is_no_failed_run() -> None:
    assert CliRunner().invoke(program, ["interrupted"]).exit_code == 130


def test_output_that_nobody_reads_is_no_failed_run() -> None:
    done = CliRunner().invoke(program, ["unread"])
    assert (done.exit_code, done.stdout, done.stderr) == (141, "", "")
