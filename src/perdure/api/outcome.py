"""What a run's last event means to whoever waits for its result."""

from msgspec import Raw

from perdure.codec.failure import from_failure
from perdure.errors import RunBlocked, RunCancelled, RunFailed
from perdure.model import event as log


def result_of(run_id: str, fact: log.Fact) -> Raw:
    """The result as it was recorded. Raises: RunFailed (the original as its `__cause__`), RunCancelled, RunBlocked."""
    match fact:
        case log.RunCompleted(result=result):
            return result
        case log.RunFailed(error=error):
            summary = f"{error.type.rpartition(':')[2]}: {error.message}"
            raise RunFailed(run_id, summary) from from_failure(error)
        case log.RunCancelled(reason=reason):
            raise RunCancelled(run_id, reason)
        case log.RunBlocked(sentence=sentence):
            raise RunBlocked(run_id, sentence)
        case _:
            raise AssertionError(f"P7: {fact.type} doesn't end a run")
