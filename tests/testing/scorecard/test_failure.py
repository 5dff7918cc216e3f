"""What goes wrong."""

from pathlib import Path

import pytest

from perdure.testing.scorecard.failure import backs_off, compensates, fails_for_good, mends
from tests.testing.scorecard.written import FLOW, acting, scored, subject, told

POSTS = "    a = await client.post('/x')\n"


@pytest.mark.parametrize(
    ("body", "score"),
    [
        ("    raise FatalError('no')\n", 2),
        ("    if order:\n        raise ValueError('no')\n    raise FatalError('no')\n", 1),
        ("    raise ValueError('no')\n", 0),
        (POSTS, 0),
    ],
)
def test_permanent_failures(folder: Path, body: str, score: int) -> None:
    assert scored(fails_for_good, acting(folder, body)) == score


def test_an_error_of_ones_own_and_giving_up(folder: Path) -> None:
    own = "class Refused(FatalError): ...\n@step\ndef act(o: str) -> None:\n    raise Refused('no')\n"
    assert scored(fails_for_good, subject(folder, own + FLOW)) == 2
    policy = "POLICY = Retry(give_up_on=(ValueError,))\n@step(retry=POLICY)\ndef act(o: str) -> None: ...\n"
    assert scored(fails_for_good, subject(folder, policy + FLOW)) == 2
    assert scored(fails_for_good, subject(folder, "@workflow\nasync def flow(): ...\n")) == "n/a"


@pytest.mark.parametrize(
    ("step", "score"),
    [
        ("@step\nasync def act(o: str) -> None:\n" + POSTS + "    raise RetryableError('busy', retry_after='1m')\n", 2),
        ("@step\nasync def act(o: str) -> None:\n" + POSTS + "    raise RetryableError('busy')\n", 1),
        ("@step(retry=Retry(delay='10s'))\nasync def act(o: str) -> None:\n" + POSTS, 1),
        ("@step\nasync def act(o: str) -> None:\n" + POSTS, 0),
        ("@step\nasync def act(o: str) -> None: ...\n", "n/a"),
    ],
)
def test_when_to_come_back(folder: Path, step: str, score: int | str) -> None:
    assert scored(backs_off, subject(folder, step + FLOW)) == score


@pytest.mark.parametrize(
    ("head", "body", "score"),
    [
        ("@step", POSTS, 2),
        ("@step(max_retries=0)", POSTS, 0),
        ("@step(retry=Retry(max_retries=0))", POSTS, 0),
        ("@step(at_most_once=True)", POSTS, 0),
        ("@step", "    try:\n    " + POSTS + "    except Exception:\n        return None\n", 0),
        ("@step", "    try:\n    " + POSTS + "    except Exception:\n        raise\n", 2),
        ("@step", "    try:\n    " + POSTS + "    except KeyError:\n        return None\n", 2),
        ("@step", "    return None\n", "n/a"),
    ],
)
def test_what_is_retried(folder: Path, head: str, body: str, score: int | str) -> None:
    assert scored(mends, subject(folder, f"{head}\nasync def act(order: str) -> None:\n{body}" + FLOW)) == score


STEPS = "".join(
    f"@step\nasync def {name}() -> None:\n    await client.post('/{name}')\n" for name in ("pay", "ship", "undo")
)


@pytest.mark.parametrize(
    ("lines", "score"),
    [
        (["try:", "    await pay()", "except (Exception, asyncio.CancelledError):", "    await undo()", "    raise"], 2),
        (["await pay()", "try:", "    await ship()", "except:", "    await back()"], 2),
        (["try:", "    await pay()", "finally:", "    await undo()"], 2),
        (["await pay()", "try:", "    await ship()", "except TimeoutError:", "    await undo()"], 1),
        (["await pay()", "await ship()"], 0),
        (["await pay()"], "n/a"),
    ],
)  # fmt: skip
def test_what_is_half_done(folder: Path, lines: list[str], score: int | str) -> None:
    text = STEPS + "@workflow\nasync def flow() -> None:\n" + "".join(f"    {line}\n" for line in lines)
    about = subject(folder, text + "async def back():\n    try:\n        pass\n    finally:\n        await undo()\n")
    assert scored(compensates, about) == score
    if score == 0:
        assert told(compensates, about) == ["flows.py:19: flow does several unsafe things, and undoes none"]
