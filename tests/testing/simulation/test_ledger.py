"""The ledger: a step's body has begun, and how things stood in the store at that moment."""

import pytest

from perdure.codec.fact import pack
from perdure.model.event import Fact, HookCreated, RunFailed, RunRetried, StepFailed
from perdure.model.ids import RunId, WorkerId, step_id, token_hash
from perdure.testing.conformance.sample import hook_of
from perdure.testing.simulation.ledger import Effect, Ledger
from perdure.testing.simulation.store import BASE_MS, Store
from perdure.testing.simulation.universe import Universe
from perdure.world import Append, Appended, Lease, NewRow, Start
from tests.core.logs import BOOM, done, failed
from tests.core.logs import step as called
from tests.testing.simulation.checker.history import DO, END, ME, OTHER, WORKER

STEP = step_id(ME, DO)


class Scene:
    """A store with one run, owned by `WORKER`, whose step has been recorded; and the ledger beside it."""

    def __init__(self) -> None:
        self.universe = Universe(0)
        self.store = Store(self.universe)
        self.ledger = Ledger(self.store)
        self.store.call("beat", Lease(worker_id=WORKER, lease_ms=2_000, process="p", workflows=("checked:trip",)))
        self.start(ME)
        self.append(DO, called("checked:do"))

    def start(self, run_id: RunId) -> None:
        self.store.commit([Start(run_id=run_id, workflow="checked:trip", created=b"{}", started=b"{}", owner=WORKER)])

    def append(self, key: str, fact: Fact, epoch: int = 1, **options: object) -> None:
        log = self.store.log(ME)
        assert log is not None
        row = NewRow(turn=0, type=fact.type, key=key, payload=pack(fact))
        append = Append(run_id=ME, owner=WORKER, epoch=epoch, seq=len(log.rows) + 1, rows=(row,), **options)  # type: ignore[arg-type]
        [outcome] = self.store.commit([append])
        assert isinstance(outcome, Appended)

    def begin(
        self, key: str = DO, *told: str, worker: WorkerId = WORKER, epoch: int | None = 1, attempt: int = 1
    ) -> Effect:
        self.ledger.begin(worker, epoch, ME, (step_id(ME, key), "checked:do", attempt), told)
        return self.ledger.effects[-1]

    def after(self, delay_ms: int) -> "Scene":
        self.universe.after_ms(delay_ms, lambda: None)
        self.universe.run(self.universe.now_us + delay_ms * 1000)
        return self


def test_a_body_begins() -> None:
    assert Scene().after(30).begin(attempt=2) == Effect(
        run_id=ME,
        step_id=STEP,
        step="checked:do",
        attempt=2,
        worker_id=WORKER,
        epoch=1,
        at_ms=BASE_MS + 30,
        recorded=False,
        owner=True,
        lease_live=True,
        missing=(),
    )


def test_its_moment_is_the_stores() -> None:
    scene = Scene()
    scene.store.offset_ms = -500
    assert scene.begin().at_ms == BASE_MS - 500


@pytest.mark.parametrize("outcome", [done(), failed()])
def test_its_outcome_was_recorded(outcome: Fact) -> None:
    scene = Scene()
    scene.append(END, outcome)
    assert not scene.begin().recorded
    scene.append(DO, outcome)
    assert scene.begin().recorded


def test_another_runs_step_of_the_same_key_is_another_step() -> None:
    scene = Scene()
    scene.append(DO, done())
    scene.start(OTHER)
    scene.ledger.begin(WORKER, 1, OTHER, (step_id(OTHER, DO), "checked:do", 1), ())
    assert not scene.ledger.effects[-1].recorded


def test_an_outcome_that_was_taken_back_is_none() -> None:
    scene = Scene()
    scene.append(DO, StepFailed(attempt=1, error=BOOM))
    scene.append("", RunFailed(error=BOOM))
    scene.append("", RunRetried(failure_seq=4))
    assert not scene.begin().recorded
    scene.append(DO, done(attempt=2))
    assert scene.begin().recorded


@pytest.mark.parametrize(
    ("worker", "epoch", "owner"),
    [(WORKER, 1, True), (WORKER, 2, False), (WORKER, None, False), (WorkerId("wrkr_2"), 1, False)],
)
def test_the_owner_is_this_worker_in_this_epoch(worker: WorkerId, epoch: int | None, owner: bool) -> None:
    effect = Scene().begin(worker=worker, epoch=epoch)
    assert (effect.worker_id, effect.epoch, effect.owner) == (worker, epoch, owner)


def test_a_lease_that_is_over() -> None:
    scene = Scene()
    assert scene.after(1_999).begin().lease_live
    assert not scene.after(1).begin().lease_live
    assert not scene.begin(worker=WorkerId("wrkr_2")).lease_live


def test_runs_that_it_was_told_of_and_that_are_not_there() -> None:
    scene = Scene()
    assert scene.begin(DO, ME, OTHER).missing == (OTHER,)
    scene.start(OTHER)
    assert scene.begin(DO, ME, OTHER).missing == ()


def test_tokens_that_it_was_told_of_and_that_nobody_has_registered() -> None:
    scene = Scene()
    assert scene.begin(DO, "token").missing == ("token",)
    scene.append("0/hook#0", HookCreated(token="token"), hooks=(hook_of(token_hash=token_hash("token")),))
    assert scene.begin(DO, "token", "other").missing == ("other",)


def test_effects_are_kept_in_order_and_counted_by_step() -> None:
    scene = Scene()
    for key, attempt in ((DO, 1), (END, 1), (DO, 2)):
        scene.begin(key, attempt=attempt)
    assert [(effect.step_id, effect.attempt) for effect in scene.ledger.effects] == [
        (STEP, 1),
        (step_id(ME, END), 1),
        (STEP, 2),
    ]
    assert [scene.ledger.count(step) for step in (STEP, step_id(ME, END), step_id(OTHER, DO))] == [2, 1, 0]


def test_a_step_of_a_run_that_is_not_there_is_kept_for_the_checker() -> None:
    ledger = Scene().ledger
    ledger.begin(WORKER, 1, OTHER, (step_id(OTHER, DO), "checked:do", 1), ())
    [effect] = ledger.effects
    assert (effect.run_id, effect.recorded, effect.owner) == (OTHER, False, False)
