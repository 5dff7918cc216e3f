"""The border between bodies and steps."""

from pathlib import Path

from perdure.testing.scorecard.boundary import acts_in_steps, orchestrates, small_steps, typed
from tests.testing.scorecard.written import FLOW, acting, scored, subject, told

POSTS = "    await client.post('/x')\n"


def body(*lines: str) -> str:
    return "@workflow\nasync def flow(order: str) -> str:\n" + "".join(f"    {line}\n" for line in lines)


def test_a_body_that_only_decides(folder: Path) -> None:
    about = acting(folder, POSTS)
    assert scored(orchestrates, about) == scored(acts_in_steps, about) == 2
    assert told(acts_in_steps, about) == ["flows.py:11: act does client.post()"]


def test_clocks_in_a_body(folder: Path) -> None:
    about = subject(folder, body("import time", "return time.time()"))
    assert scored(orchestrates, about) == 0
    [clock] = told(orchestrates, about)
    assert clock.startswith("flows.py:12: time.time()") and clock.endswith("use now()")
    assert scored(acts_in_steps, about) == 2


def test_a_body_that_acts(folder: Path) -> None:
    about = subject(folder, body("open('x')"))
    assert (scored(orchestrates, about), scored(acts_in_steps, about)) == (2, 0)
    about = subject(folder, "@step\nasync def act() -> None:\n" + POSTS + body("open('x')"))
    assert scored(acts_in_steps, about) == 1


def test_steps_by_size(folder: Path) -> None:
    assert scored(small_steps, acting(folder, POSTS)) == 2
    assert (
        scored(
            small_steps,
            acting(folder, "".join(f"    await client.post('/{n}')\n    client.x{n}()\n" for n in range(2))),
        )
        == 0
    )
    long = "@step\ndef long() -> None:\n" + "    x = 1\n" * 40
    assert scored(small_steps, subject(folder, long + "@step\ndef act(o): ...\n" + FLOW)) == 1
    assert scored(small_steps, subject(folder, body("pass"))) == "n/a"


def test_types(folder: Path) -> None:
    assert scored(typed, subject(folder, body("pass"))) == 2
    bare = "@workflow\nasync def bare(a, *b: int, c: dict): ...\n"
    about = subject(folder, bare + body("pass"))
    assert scored(typed, about) == 1
    assert told(typed, about)[0].endswith("bare: no type for a, c, the result")
    assert scored(typed, subject(folder, bare)) == 0
