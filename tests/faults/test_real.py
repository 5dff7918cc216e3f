"""A short piece of `make chaos` on real processes and stores: nothing breaks a rule, and what is planted is seen.

All of it: `python -m tests.faults`.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.faults.real.arena import Server
from tests.faults.real.planted import PLANTED
from tests.faults.real.scenario import Scenario, play, server_of_its_own
from tests.faults.real.scenarios import SCENARIOS, SHORT

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with server_of_its_own() as server:
        yield server


@pytest.mark.parametrize("scenario", SHORT, ids=lambda scenario: scenario.name)
def test_real_trouble_breaks_no_rule(scenario: Scenario, server: Server) -> None:
    report = asyncio.run(play(scenario, server))
    assert report.violations == [], report.log
    assert report.tried["runs"] >= scenario.runs
    assert report.tried["kills"] > 0


@pytest.mark.parametrize("what", ["rows of logs are lost", "starts are acknowledged before they are durable, and lost"])
def test_a_fault_that_is_planted_in_a_real_store_is_seen(what: str, server: Server) -> None:
    [planted] = [one for one in PLANTED if one.what == what]
    scenario = replace(planted.scenario, runs=12, seconds=5.0, patience_s=5.0)
    report = asyncio.run(play(scenario, server))
    rules = [violation.rule for violation in report.violations]
    assert any(rule.startswith(planted.seen_as) for rule in rules), rules


def test_scenarios_have_names_of_their_own_and_a_line_each() -> None:
    assert len(BY_NAME) == len(SCENARIOS)
    assert len({scenario.what for scenario in SCENARIOS}) == len(SCENARIOS)
