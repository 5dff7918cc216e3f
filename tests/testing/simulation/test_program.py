"""Programs and suites: which code runs under a name in which version, and what may have written a log."""

from dataclasses import replace

import pytest

from perdure.engine.deployment import deployment_of
from perdure.testing.simulation.program import DEATHS_MAX, Program, Suite
from tests.testing.simulation.checker.history import TRIP, both, detour, do, once, trip

CHANGED = replace(TRIP, versions={1: detour, 3: trip})
SUITE = Suite(programs=(CHANGED,), children=(both,), steps=(do, once))


def test_a_program_has_its_workflows_name() -> None:
    assert TRIP.name == "checked:trip"


def test_a_version_holds_until_the_next() -> None:
    functions = [CHANGED.definition(version).function for version in range(5)]
    assert functions == [trip.fn, detour.fn, detour.fn, trip.fn, trip.fn]


def test_each_version_has_the_programs_name_and_a_place_of_its_own() -> None:
    definitions = [CHANGED.definition(version) for version in range(3)]
    assert {definition.name for definition in definitions} == {"checked:trip"}
    assert [definition.place for definition in definitions] == ["version 0:1", "version 1:1", "version 2:1"]


def test_only_a_frail_program_is_parked_after_few_deaths() -> None:
    assert TRIP.definition(0).max_recoveries == DEATHS_MAX
    assert replace(TRIP, frail=True).definition(0).max_recoveries == trip.definition.max_recoveries == 5


def test_what_a_process_of_a_version_can_run() -> None:
    registry = SUITE.registry(1)
    assert registry.workflow_names() == ("checked:both", "checked:trip")
    assert registry.workflow("checked:trip").function is detour.fn
    assert registry.workflow("checked:both").max_recoveries == DEATHS_MAX
    assert (registry.step("checked:do"), registry.step("checked:once")) == (do.definition, once.definition)


def test_each_version_is_another_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERDURE_DEPLOYMENT", raising=False)
    assert len({deployment_of(SUITE.registry(version)) for version in range(3)}) == 3


def test_the_codes_that_may_have_written_a_log() -> None:
    assert [code.function for code in SUITE.codes("checked:trip")] == [trip.fn, detour.fn, detour.fn, trip.fn]
    assert [code.function for code in SUITE.codes("checked:both")] == [both.fn]
    assert SUITE.codes("checked:unknown") == []


def test_a_program_of_one_text_has_one_code() -> None:
    assert [code.function for code in replace(SUITE, programs=(TRIP,)).codes("checked:trip")] == [trip.fn]


def test_a_program_by_name() -> None:
    assert SUITE.program("checked:trip") is CHANGED
    assert SUITE.program("checked:both") is None


def test_a_step_by_name() -> None:
    assert SUITE.step("checked:once") is once.definition


def test_programs_are_themselves() -> None:
    """Two of one text may be treated otherwise; references are kept by program."""
    assert Program(workflow=trip) != Program(workflow=trip)


def test_the_code_of_a_queued_step() -> None:
    [code] = SUITE.codes("queue:gpu/checked:once")
    assert (code.name, code.function, code.max_recoveries) == ("queue:gpu/checked:once", once.fn, DEATHS_MAX)
