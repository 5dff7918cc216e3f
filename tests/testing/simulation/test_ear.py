"""The ear: hears what perdure says of its own faults, and nothing else; and leaves no trace."""

import logging
from collections.abc import Generator

import pytest

from perdure.testing.simulation.ear import listening

logger = logging.getLogger("perdure")


@pytest.fixture(autouse=True)
def untouched() -> Generator[None]:
    """Whatever a test does, the logger is as before."""
    before = (list(logger.handlers), logger.level, logger.propagate)
    yield
    assert (list(logger.handlers), logger.level, logger.propagate) == before


def fault(sentence: str) -> None:
    try:
        raise KeyError("x")
    except KeyError:
        logger.exception(sentence)


def test_faults_of_its_own_are_heard() -> None:
    heard: list[str] = ["before"]
    with listening(heard):
        fault("perdure failed at one run, which goes on from its log")
    assert heard == ["before", "perdure failed at one run, which goes on from its log: KeyError('x')"]


def test_so_are_those_of_its_parts() -> None:
    heard: list[str] = []
    with listening(heard):
        try:
            raise ValueError
        except ValueError:
            logging.getLogger("perdure.engine").exception("perdure failed in %s", "a sweep")
    assert heard == ["perdure failed in a sweep: ValueError()"]


def test_faults_of_others_are_not() -> None:
    heard: list[str] = []
    with listening(heard):
        fault("a step failed, it will be tried again")
        logger.error("perdure failed, and nobody knows by what")
        logger.warning("perdure failed", exc_info=ValueError())
    assert heard == []


def test_nothing_goes_anywhere_else(caplog: pytest.LogCaptureFixture) -> None:
    with listening([]):
        fault("perdure failed")
        logger.warning("the lease has lapsed")
    assert caplog.records == []
    logger.error("afterwards")
    assert caplog.messages == ["afterwards"]


def test_it_stops_listening_at_an_error() -> None:
    heard: list[str] = []
    with pytest.raises(ZeroDivisionError), listening(heard):
        raise ZeroDivisionError
    fault("perdure failed")
    assert heard == []
