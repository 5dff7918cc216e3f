"""`perdure inspect`."""

from tests.cli.shop import say


def test_its_commands() -> None:
    told = say("inspect", "--help").stdout
    names = [line.split()[0] for line in told.partition("Commands:\n")[2].splitlines()]
    assert sorted(names) == [
        "children", "events", "hooks", "run", "runs", "step", "steps", "streams", "waits", "workers", "workflows",
    ]  # fmt: skip
