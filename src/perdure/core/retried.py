"""What a retry in place takes back: the failure, and what was recorded only because of it (S6)."""

from collections.abc import Iterable
from operator import attrgetter

from perdure.model.event import ENDS, Event, HookDisposed, RequestsReleased, RunRetried

_NOTHING = frozenset[int]()
_fact_of = attrgetter("fact")


def taken_back(events: Iterable[Event]) -> frozenset[int]:
    """The seqs of the failures that `run_retried` names, and of what followed each of them: releases, hooks that were
    disposed, the end.

    The log keeps them, for people; whoever derives a state from the log leaves them out.
    """
    log = list(events)
    if RunRetried not in map(type, map(_fact_of, log)):  # as in most logs
        return _NOTHING
    seqs: set[int] = set()
    for event in log:
        if isinstance(event.fact, RunRetried):
            failure_seq = event.fact.failure_seq
            seqs.add(failure_seq)
            seqs.update(
                other.seq
                for other in log
                if failure_seq < other.seq < event.seq
                and isinstance(other.fact, (RequestsReleased, HookDisposed, *ENDS))
            )
    return frozenset(seqs)
