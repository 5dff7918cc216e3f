"""What steps are seen to do."""

from pathlib import Path

import pytest

from perdure.testing.scorecard.effect import effects_of
from tests.testing.scorecard.written import FLOW, STEP, acting, subject


@pytest.mark.parametrize(
    ("body", "kind", "key"),
    [
        ("    await client.post('/x')\n", "unsafe", ""),
        ("    await client.post('/x', headers={'idempotency-key': get_step_metadata().step_id})\n", "unsafe", "step id"),
        ("    k = get_step_metadata().step_id\n    h = {'k': k}\n    client.post('/x', headers=h)\n", "unsafe", "step id"),
        ("    await client.post('/x', headers={'Idempotency-Key': order})\n", "unsafe", "key"),
        ("    await client.post('/x', idempotency_key=order)\n", "unsafe", "key"),
        ("    await client.get('/x')\n", "read", ""),
        ("    await client.put('/x')\n", "safe", ""),
        ("    async with httpx.AsyncClient() as c:\n        await c.post('/x')\n", "unsafe", ""),
        ("    import subprocess\n    subprocess.run(['x'])\n", "unsafe", ""),
        ("    open('x', 'a')\n", "unsafe", ""),
        ("    open('x', 'w')\n", "safe", ""),
        ("    open('x')\n", "read", ""),
        ("    import requests\n    requests.post('x')\n", "unsafe", ""),
        ("    import stripe\n    stripe.Charge.create(amount=1, idempotency_key=order)\n", "unsafe", "key"),
        ("    get_connection().execute('INSERT INTO t VALUES (1)')\n", "unsafe", ""),
        ("    get_connection().execute('INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING')\n", "safe", ""),
        ("    get_connection().execute('UPDATE t SET n = n + 1')\n", "unsafe", ""),
        ("    get_connection().execute('UPDATE t SET n = 1')\n", "safe", ""),
        ("    get_connection().execute('SELECT 1')\n", "read", ""),
        ("    order.charge()\n", "unsafe", ""),
    ],
)  # fmt: skip
def test_a_call_is_known_by_its_name(folder: Path, body: str, kind: str, key: str) -> None:
    [(_, [effect])] = acting(folder, body).effects
    assert (effect.kind, effect.key) == (kind, key)
    assert effect.place.startswith("flows.py:")


@pytest.mark.parametrize(
    "body",
    [
        "    rows = []\n    rows.append(order)\n    return ','.join(rows)\n",
        "    return order.replace('a', 'b')\n",
        "    (await asyncio.sleep(0))\n",
        "    import logging\n    logging.getLogger('x').info('y')\n",
        "    await get_writable(str).write('x')\n",
        "    raise FatalError('no')\n",
        "    return str(Retry(max_retries=3))\n",
    ],
)
def test_what_does_nothing_outside(folder: Path, body: str) -> None:
    assert [effects for _, effects in acting(folder, body).effects] == [[]]


def test_an_answer_that_is_asked_is_no_second_effect(folder: Path) -> None:
    [(_, effects)] = acting(folder, "    (await client.post('/x')).raise_for_status()\n").effects
    assert [effect.what for effect in effects] == ["client.post()"]


def test_a_transaction_is_a_key(folder: Path) -> None:
    text = "@step(transaction=True)\ndef act(order: str) -> str:\n    get_connection().execute('INSERT INTO t VALUES (1)')\n"
    [(_, [effect])] = subject(folder, text + FLOW).effects
    assert effect.key == "transaction"


def test_functions_of_other_files_are_followed_with_the_key(folder: Path) -> None:
    gate = (
        "import httpx\nclient = httpx.Client()\ndef ask(path, key=None):\n    return client.post(path, k={'k': key})\n"
    )
    keyed = "    from gate import ask\n    return ask('/x', key=get_step_metadata().step_id)\n"
    [(_, [effect])] = acting(folder, keyed, gate_DOT_py=gate).effects
    assert (effect.what, effect.key, effect.place) == ("ask()", "step id", "flows.py:13")
    [(_, [effect])] = acting(folder, "    from gate import ask\n    return ask('/x')\n", gate_DOT_py=gate).effects
    assert effect.key == ""


def test_methods_of_objects_of_the_project_are_followed(folder: Path) -> None:
    plant = (
        "class Plant:\n    def __init__(self):\n        self.done = {}\n    def restart(self, what, key):\n"
        "        self.done.setdefault(key, what)\n    def metrics(self):\n        return len(self.done)\nplant = Plant()\n"
    )
    body = (
        "    from plant import plant\n    plant.restart(order, key=get_step_metadata().step_id)\n    plant.metrics()\n"
    )
    about = acting(folder, body, plant_DOT_py=plant)
    found = [(effect.what, effect.kind, effect.key) for effect in effects_of(about.code, about.code.steps[-1])]
    assert found == [("plant.restart()", "unsafe", "step id")]


def test_a_function_that_calls_itself_is_followed_so_far(folder: Path) -> None:
    again = "def again(n):\n    client.post('/x')\n    return again(n - 1)\n"
    [(_, [effect])] = subject(folder, again + STEP + "    return again(3)\n" + FLOW).effects
    assert effect.what == "again()"
