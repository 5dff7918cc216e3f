"""Take-over by force: cancel now, cancel of a blocked run, retry, repin. The epoch is raised, then facts follow (O7)."""

import logging

from msgspec.structs import replace

from perdure.codec.keyring import KeyRing
from perdure.core.pending import Pending
from perdure.core.retried import taken_back
from perdure.engine.append import Births, Entry, Header, compose, last_chunks
from perdure.engine.letter import entries_of
from perdure.engine.seal import open_letter
from perdure.errors import DecodeError, PayloadLocked, UsageError
from perdure.model.event import (
    ENDS,
    REQUESTS,
    Event,
    Fact,
    RequestsReleased,
    RunCreated,
    RunRepinned,
    RunRetried,
    RunUnblocked,
    StepFailed,
)
from perdure.model.ids import MailId, WorkerId
from perdure.model.status import ENDED
from perdure.world.hook import HookReopening
from perdure.world.log import Log
from perdure.world.mail import Letter
from perdure.world.operation import Append

logger = logging.getLogger("perdure")
NOBODY = WorkerId("")


def seizure(
    log: Log, events: list[Event], facts: list[Fact], letters: tuple[Letter, ...], keys: KeyRing | None = None
) -> Append:
    """The append that takes the run over with these facts; an end takes the mail that waits with it (M2).

    Raises: PayloadLocked where that mail doesn't open: whoever has its key can end the run, and lose nothing.
    """
    run, created = log.run, events[0].fact
    assert isinstance(created, RunCreated), "L1: a log begins with run_created"
    header = Header(
        run_id=run.run_id,
        root_id=run.root_id or run.run_id,
        owner=NOBODY,
        parent_id=created.parent_id,
        parent_key=created.parent_key,
        deployment=run.deployment,
        step=created.step,
        pin=run.pin,
    )
    pending = Pending(events)
    turn = max(event.turn for event in events)
    entries = [Entry(turn, "", fact) for fact in facts]
    unreadable: list[MailId] = []
    if isinstance(facts[-1], ENDS):
        mail: list[Entry] = []
        for letter in letters:
            try:
                mail += [entry for entry in entries_of(open_letter(letter, keys), pending) if entry.mail_id is not None]
            except PayloadLocked:
                raise
            except DecodeError as error:  # it must not keep the run from its end
                logger.error("a letter for run %s is dropped with its end: %s", run.run_id, error)
                unreadable.append(letter.mail_id)
        entries = [*(replace(entry, turn=turn + 1) for entry in mail), *entries]
    births = Births(NOBODY, frozenset())
    append, after = compose(header, run.epoch, run.length + 1, run.status, entries, births, pending)
    mail_taken = (*append.mail_taken, *unreadable)
    hooks = tuple(HookReopening(key=key) for key in _open_again(log, events, facts))
    wake_at_ms = created.due_ms if after == "pending" else None
    chunks = last_chunks(append, pending)
    return replace(
        append,
        chunks=chunks,
        writes=run.writes if chunks else 0,
        seize=True,
        status=after,
        turn_completed=True,
        mail_taken=mail_taken,
        hooks=hooks,
        wake_at_ms=wake_at_ms,
    )


def _open_again(log: Log, events: list[Event], facts: list[Fact]) -> list[str]:
    """The hooks that the end closed and a retry needs."""
    if not isinstance(facts[0], RunRetried):
        return []
    return list(Pending([*events, *as_events(events, facts, log.run.epoch, events[-1].at_ms)]).hooks)


def as_events(events: list[Event], facts: list[Fact], epoch: int, at_ms: int) -> list[Event]:
    """The events that these facts become, behind a log without mail."""
    return [
        Event(seq=seq, turn=events[-1].turn, epoch=epoch, key="", at_ms=at_ms, fact=fact)
        for seq, fact in enumerate(facts, len(events) + 1)
    ]


def retry_facts(log: Log, events: list[Event], by: str | None = None) -> list[Fact]:
    """What makes a blocked run try again, or a failed one go on from its failed step.

    Raises: UsageError where the run is neither, its parent knows of the failure, the body has acted on the failure
    since, or it failed by itself.
    """
    run, created = log.run, events[0].fact
    if run.status == "blocked":
        return [RunUnblocked(by=by)]
    if run.status != "failed":
        raise UsageError(f"run {run.run_id} is {run.status}: only a failed or blocked run can be retried; use rerun")
    if isinstance(created, RunCreated) and created.parent_key is not None:
        raise UsageError(f"run {run.run_id} is a child and its parent was told of the failure: use rerun")
    failures = _unanswered_failures(events)
    if not failures:
        raise UsageError(
            f"run {run.run_id} failed by itself, or has acted on a step's failure since: "
            "there is no step to go on from; use rerun"
        )
    return [RunRetried(failure_seq=seq, by=by) for seq in failures]


def repin_facts(log: Log, pin: str, by: str | None = None) -> list[Fact] | None:
    """What moves a run to the workers of another deployment; None: it is theirs. Raises: UsageError where it has ended."""
    if log.run.status in ENDED:
        raise UsageError(f"run {log.run.run_id} is {log.run.status}: no worker will claim it any more; use rerun")
    return None if log.run.pin == pin else [RunRepinned(pin=pin, by=by)]


def _unanswered_failures(events: list[Event]) -> list[int]:
    """The seqs of the step failures that no request followed: skipping them changes nothing that is recorded. One that
    nobody waited for any more (its word came late, from a queue) is none."""
    skipped = taken_back(events)
    failures: list[int] = []
    released: set[str] = set()
    for event in events:
        if event.seq in skipped:
            continue
        if isinstance(event.fact, REQUESTS) and not getattr(event.fact, "by_step", False):
            failures = []
        elif isinstance(event.fact, RequestsReleased):
            released.update(event.fact.keys)
        elif isinstance(event.fact, StepFailed) and event.key not in released:
            failures.append(event.seq)
    return failures
