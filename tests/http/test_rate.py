"""Misses: how many a client has, and that memory stays flat."""

from typing import Any

import pytest

from perdure.http.problem import Problem
from perdure.http.rate import CLIENTS_MAX, MISSES_MAX, Misses, client_of


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_full_bucket_refuses_until_it_has_emptied_a_little() -> None:
    clock = Clock()
    misses = Misses(clock)
    for _ in range(MISSES_MAX):
        misses.admit("a")
        misses.add("a")
    with pytest.raises(Problem) as refusal:
        misses.admit("a")
    assert (refusal.value.status, refusal.value.headers) == (429, {"retry-after": "1"})
    misses.admit("b")
    clock.now += 0.5
    with pytest.raises(Problem):
        misses.admit("a")
    clock.now += 0.5
    misses.admit("a")
    misses.add("a")
    with pytest.raises(Problem):
        misses.admit("a")


def test_a_pause_forgives_all() -> None:
    clock = Clock()
    misses = Misses(clock)
    for _ in range(MISSES_MAX):
        misses.add("a")
    clock.now += MISSES_MAX
    for _ in range(MISSES_MAX):
        misses.admit("a")
        misses.add("a")


def test_memory_is_flat() -> None:
    misses = Misses(Clock())
    for number in range(CLIENTS_MAX + 500):
        misses.add(f"client {number}")
    assert len(misses) == CLIENTS_MAX


def test_who_misses_still_is_not_forgotten_for_others() -> None:
    misses = Misses(Clock())
    for number in range(CLIENTS_MAX * 2):
        misses.add(f"client {number}")
        if number % 200 == 0:
            misses.add("guesser")
    with pytest.raises(Problem):
        misses.admit("guesser")


@pytest.mark.parametrize(
    ("client", "name"),
    [
        (("10.0.0.1", 1), "10.0.0.1"),
        (None, ""),
        (("/tmp/" + "x" * 500, 0), "/tmp/" + "x" * 59),
    ],
)
def test_a_client_is_its_address(client: Any, name: str) -> None:
    assert client_of({"client": client}) == name


def test_of_ipv6_the_network_counts() -> None:
    one, other, foreign = (
        client_of({"client": (host, 1)}) for host in ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1")
    )
    assert one == other != foreign
