"""Rules of forks, each broken once: the past of another run, not done again, and that run left alone."""

from typing import Any

import msgspec
from msgspec import structs

from perdure.codec.fact import pack
from perdure.model.event import Origin, RunCreated
from perdure.testing.simulation.checker.check import check
from perdure.testing.simulation.checker.fork import check_fork, check_forkers
from perdure.testing.simulation.checker.row import RunLog
from perdure.testing.simulation.evidence import Evidence
from perdure.testing.simulation.forker import Forked
from perdure.world import Log, Row
from tests.core.logs import done, raw
from tests.testing.simulation.checker.history import (
    BEGUN,
    DO,
    END,
    LEFT,
    ME,
    OTHER,
    RIGHT,
    TRIP,
    TRIPPED,
    altered,
    effect_of,
    evidence_of,
    log_of,
    row,
    story_of,
    told,
)

ORIGINAL = log_of(*TRIPPED, run_id=OTHER)
FORKED_AT_MS = 10_000


def created(cut: int, **fields: Any) -> Row:
    """The first event of a fork whose original was cut before this seq."""
    origin = Origin(run_id=OTHER, seq=cut, turn=ORIGINAL.rows[min(cut, 9) - 1].turn, **fields)
    fact = RunCreated(workflow="checked:trip", input=raw('{"given":"x"}'), deployment="d0", forked_from=origin)
    return row(0, "", fact, at_ms=FORKED_AT_MS, epoch=0)


def fork_of(original: Log, cut: int, *late: Row, **fields: Any) -> Log:
    """A fork that has taken over what is before the cut, and these; it goes on as `trip` does."""
    own = tuple(
        structs.replace(one, epoch=2, at_ms=FORKED_AT_MS + one.seq * 100, seq=0) for one in original.rows[cut - 1 :]
    )
    return log_of(created(cut, **fields), *original.rows[1 : cut - 1], *late, *own, created_at_ms=FORKED_AT_MS)


def asked(original: Log = ORIGINAL, **fields: Any) -> Forked:
    forked = Forked(seen=original, key=END, edited=False, asked=1, run_id=ME)
    for name, value in fields.items():
        setattr(forked, name, value)
    return forked


def evidence(fork: Log, *forks: Forked, original: Log = ORIGINAL, **fields: Any) -> Evidence:
    stories = [story_of(TRIP, OTHER, forks=list(forks))]
    return evidence_of(original, fork, **{"stories": stories, **fields})


def found(fork: Log, original: Log = ORIGINAL, **fields: Any) -> list[tuple[str, str]]:
    return told(check_fork(evidence(fork, asked(original), original=original, **fields), RunLog(fork)))


FORK = fork_of(ORIGINAL, 7)


def test_a_healthy_fork() -> None:
    begun = [effect_of(END, run_id=ME, epoch=2)]
    assert check(evidence(FORK, asked(), effects=begun)) == []
    assert RunLog(FORK).taken_over == 6
    assert RunLog(ORIGINAL).taken_over == 0
    assert check(evidence_of(ORIGINAL, stories=[story_of(TRIP, OTHER)])) == []


def test_a_fork_without_its_past() -> None:
    lost = structs.replace(FORK, rows=tuple(structs.replace(one, epoch=2) for one in FORK.rows))
    assert found(lost) == [("S6 a fork without its past", "1 of 6 events")]


def test_a_fork_with_another_past() -> None:
    other = structs.replace(FORK, rows=altered(FORK.rows, 4, payload=pack(done('"did y"'))))
    assert found(other) == [("S6 a fork with another past", f"step_completed {DO} at 4")]
    for fields in ({"at_ms": 4_001}, {"turn": 2}, {"key": END}):
        assert len(found(structs.replace(FORK, rows=altered(FORK.rows, 4, **fields)))) > 0


def test_an_outcome_that_was_edited() -> None:
    edit = row(1, DO, done('"edited"'), at_ms=4_000, seq=4)
    edited = fork_of(ORIGINAL, 5, edited=(DO,))
    edited = structs.replace(edited, rows=(*edited.rows[:3], edit, *edited.rows[4:]))
    assert found(edited) == []
    assert found(structs.replace(edited, rows=(created(5), *edited.rows[1:]))) != []


def test_what_came_later_must_be_taken_over() -> None:
    both = (*BEGUN, LEFT, RIGHT, row(1, LEFT.key, done('"did left"')), row(2, RIGHT.key, done('"did right"')))
    original = log_of(*both, run_id=OTHER)
    assert found(fork_of(original, 6), original) == [("S6 what was done isn't taken over", RIGHT.key)]
    late = row(1, RIGHT.key, done('"did right"'), at_ms=6_000)
    assert found(log_of(created(6), *original.rows[1:5], late), original) == []
    assert found(log_of(created(6), *original.rows[1:5], structs.replace(late, at_ms=6_001)), original) != []


def test_a_step_of_the_past_that_is_done_again() -> None:
    again = [effect_of(DO, run_id=ME, epoch=2), effect_of(END, run_id=ME, epoch=2)]
    assert found(FORK, effects=again) == [("S6 a fork does again what was done", "checked:do, attempt 1")]


def test_a_fork_with_a_parent() -> None:
    child = structs.replace(FORK, run=structs.replace(FORK.run, parent_id=OTHER))
    assert found(child) == [("S6 a fork with a parent", OTHER)]


def test_what_clients_were_told() -> None:
    def rules(*forks: Forked, **fields: Any) -> list[str]:
        return [violation.rule for violation in check_forkers(evidence(FORK, *forks, **fields))]

    assert rules(asked()) == rules(asked(run_id=None, asked=2)) == []
    assert rules() == ["S6 a fork that nobody has asked for"]
    assert rules(asked(run_id=None, asked=0)) == ["S6 a fork that nobody has asked for"]
    lost = [story_of(TRIP, OTHER, forks=[asked(run_id="wrun_lost")])]
    assert rules(stories=lost) == ["P1 an accepted fork is lost"]
    seen = structs.replace(ORIGINAL, rows=altered(ORIGINAL.rows, 4, payload=pack(done('"did z"'))))
    assert rules(asked(seen)) == ["S6 a run that its fork has changed"]
    earlier = structs.replace(ORIGINAL, rows=ORIGINAL.rows[:5])
    assert rules(asked(earlier)) == []
    misfit = asked(run_id=None, refused="run x can't be forked from y: the code doesn't fit the log in turn 0: …")
    assert rules(misfit) == ["S6 the code doesn't fit a fork"]
    misfit.edited = True
    assert rules(misfit) == []


def test_rules_that_know_forks() -> None:
    """What they took over is older than they are, and no attempt there has a cause in their logs."""
    assert msgspec.json.decode(FORK.rows[0].payload)["forked_from"]["seq"] == 7
    late = evidence(fork_of(ORIGINAL, 6), asked(), effects=[effect_of(END, run_id=ME, epoch=2)])
    assert check(late) == [], "its sleep was over when it was made"
