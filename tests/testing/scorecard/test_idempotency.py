"""Steps that run twice."""

from pathlib import Path

import pytest

from perdure.testing.scorecard.idempotency import counts_retries, has_key, takes_conflicts, upserts, uses_step_id
from tests.testing.scorecard.written import FLOW, acting, scored, subject, told

KEYED = "    a = await client.post('/x', headers={'k': get_step_metadata().step_id})\n"
OWN = "    a = await client.post('/y', idempotency_key=order)\n"
BARE = "    a = await client.post('/z')\n"
IDLE = "    return order\n"


@pytest.mark.parametrize(
    ("body", "key", "step_id"),
    [(KEYED, 2, 2), (OWN, 2, 2), (KEYED + BARE, 1, 1), (BARE, 0, 0), (IDLE, "n/a", "n/a")],
)
def test_keys(folder: Path, body: str, key: int | str, step_id: int | str) -> None:
    about = acting(folder, body)
    assert (scored(has_key, about), scored(uses_step_id, about)) == (key, step_id)


def test_what_has_no_key_is_told_first(folder: Path) -> None:
    assert told(has_key, acting(folder, KEYED + BARE)) == [
        "flows.py:13: client.post() in act has no key: twice is twice",
        "flows.py:12: client.post() in act has a step id",
    ]


def in_transaction(sql: str) -> str:
    return f"@step(transaction=True)\nasync def act(order: str) -> str:\n    get_connection().execute('{sql}')\n" + FLOW


@pytest.mark.parametrize(
    ("body", "score"),
    [
        ("    get_connection().execute('INSERT INTO t VALUES (1)')\n", 0),
        ("    get_connection().execute('INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING')\n", 2),
        ("    c = get_connection()\n    c.execute('DELETE FROM t')\n    c.execute('INSERT INTO t VALUES (1)')\n", 1),
        ("    get_connection().execute('SELECT 1')\n", "n/a"),
    ],
)
def test_writes_to_a_database(folder: Path, body: str, score: int | str) -> None:
    assert scored(upserts, acting(folder, body)) == score


def test_a_transaction_of_the_steps_own(folder: Path) -> None:
    about = subject(folder, in_transaction("INSERT INTO t VALUES (1)"))
    assert (scored(upserts, about), scored(has_key, about)) == (2, 2)
    assert (scored(uses_step_id, about), scored(takes_conflicts, about)) == ("n/a", "n/a")


@pytest.mark.parametrize(
    ("body", "score"),
    [
        (KEYED + "    if a.status_code == 409:\n        return 'done'\n", 2),
        (KEYED + "    if a.status_code in (201, 409):\n        return 'done'\n", 2),
        ("    try:\n    " + KEYED + "    except errors.AlreadyExists:\n        return 'done'\n", 2),
        (KEYED, "open"),
        (IDLE, "n/a"),
    ],
)
def test_conflicts(folder: Path, body: str, score: int | str) -> None:
    assert scored(takes_conflicts, acting(folder, body)) == score


def test_a_store_that_keeps_the_first(folder: Path) -> None:
    text = "kept = {}\n@step\ndef act(order: str) -> str:\n    kept.setdefault(get_step_metadata().step_id, 1)\n" + FLOW
    assert scored(takes_conflicts, subject(folder, text)) == 2


def test_retries_that_somebody_chose(folder: Path) -> None:
    assert scored(counts_retries, acting(folder, BARE)) == 0
    chosen = "@step(max_retries=5)\nasync def chosen() -> None:\n" + BARE
    assert scored(counts_retries, subject(folder, chosen + FLOW)) == 2
    assert (
        scored(counts_retries, subject(folder, chosen + "@step\nasync def act(o: str) -> None:\n" + BARE + FLOW)) == 1
    )
    assert scored(counts_retries, acting(folder, IDLE)) == "n/a"
