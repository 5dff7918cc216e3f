"""The lab for sync tests, which is the fixture there."""

import inspect

from perdure.sync import resume_hook, start
from perdure.testing import Lab, SyncLab, sync_lab
from tests.testing.kit.refunds import Refund, collect, nap, refund, refund_payment, shout


def test_nobody_answers(lab: SyncLab) -> None:
    run = start(refund, "o-1")
    lab.wait_for_sleep(run)
    before = lab.now()
    lab.advance("24h")
    assert (lab.now() - before).days == 1
    assert run.result() == Refund("refused")
    assert lab.calls(refund_payment) == []
    lab.replay(run)
    assert len(lab.crash_everywhere(run)) >= 6
    assert "+1d        run_completed" in lab.story(run)


def test_hooks_crashes_and_replaced_steps(lab: SyncLab) -> None:
    run = start(collect, 1)
    lab.wait_for_hook(run)
    lab.crash()
    resume_hook("lab-collect", "a")
    assert run.result() == ["a"]
    lab.answer("lab-collect", "b")
    assert start(collect, 1).result() == ["b"]
    with lab.replace("lab:threaded", lambda text: text * 2):
        assert start(shout, "x").result() == "xx"


def test_one_of_its_own() -> None:
    with sync_lab(patience="50ms") as own:
        run = start(nap, "1h")
        own.advance("1h")
        own.rest()
        assert run.result() == "woken"


def test_it_has_all_that_the_other_has() -> None:
    def names(of: type) -> set[str]:
        return {name for name in dir(of) if not name.startswith("_")}

    assert names(Lab) == names(SyncLab)
    assert inspect.signature(SyncLab.replace) == inspect.signature(Lab.replace)
