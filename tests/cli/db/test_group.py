"""`perdure db`."""

from tests.cli.shop import say


def test_its_commands() -> None:
    told = say("db", "--help").stdout
    names = [line.split()[0] for line in told.partition("Commands:\n")[2].splitlines()]
    assert sorted(names) == ["prune", "status", "upgrade"]
