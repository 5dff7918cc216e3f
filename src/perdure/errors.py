"""Every exception that a user of perdure may catch.

    PerdureError
    ├── UsageError              the caller's code or input is at fault
    │   ├── NotInWorkflow, NotInStep
    │   ├── DuplicateName, DefinitionInvalid
    │   ├── DurationInvalid, ArgumentsInvalid (TypeError), AttributeInvalid
    │   ├── EncodeError, DecodeError
    │   │   └── PayloadLocked   sealed: KeyMissing, KeyWrong, NotSealed
    │   ├── KeysInvalid
    │   └── DeterminismError, TransactionInvalid
    ├── FatalError              raised by a step: don't retry
    ├── RetryableError          raised by a step: retry, after `retry_after`
    ├── StepError               a step's outcome, caught in a workflow
    │   ├── StepTimeout (TimeoutError), StepInterrupted, StepNotRegistered
    │   └── RemoteError         an exception whose type isn't known here
    ├── RunError
    │   ├── RunFailed, RunCancelled, RunBlocked, RunNotFound
    │   └── StartConflict, WorkflowNotRegistered
    ├── HookError               reaching a run from outside
    │   ├── HookNotFound, HookConflict, HookExpired
    │   └── PayloadInvalid (ValueError), PayloadConflict
    ├── StreamClosed            a write to a stream that takes nothing more
    └── WorldError              where runs are kept is at fault
        ├── WorldUnavailable, WorldFull, WorldInvalid
        └── SchemaMissing, SchemaTooNew

The type says whose fault it is. Fields come first; the sentence is built from them, here and nowhere else.
"""

from datetime import datetime, timedelta
from shlex import quote


class PerdureError(Exception):
    """The root of the tree: catches everything that perdure raises on purpose."""


class UsageError(PerdureError):
    """perdure was asked for something that it doesn't do; the sentence says what to do instead."""


class NotInWorkflow(UsageError):
    """A verb that only a workflow's body may use was used elsewhere. Field: `name`."""

    def __init__(self, name: str, advice: str) -> None:
        self.name = name
        super().__init__(f"{name} was called outside of a workflow: {advice}")


class NotInStep(UsageError):
    """A verb that only a step may use was used elsewhere. Field: `name`."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"{name} was called outside of a step: call it in the function that @step decorates")


class DuplicateName(UsageError):
    """Two definitions claim one name. Fields: `name`, `first`, `second` (places, as `file:line`)."""

    def __init__(self, name: str, first: str, second: str) -> None:
        self.name, self.first, self.second = name, first, second
        super().__init__(f"the name {name!r} is defined twice: at {first} and at {second}; give one of them name=…")


class DefinitionInvalid(UsageError):
    """A function can't be a workflow or a step. Fields: `name`, `reason`."""

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(f"{name} can't be defined: {reason}")


class DurationInvalid(UsageError):
    """A value that isn't a duration or a moment. Field: `value` (as text)."""

    def __init__(self, value: object, reason: str) -> None:
        self.value = repr(value)
        super().__init__(
            f"{self.value} is no duration: {reason}; write seconds as a number, a text like '1h30m', "
            "a timedelta, or a datetime with a time zone"
        )


class ArgumentsInvalid(UsageError, TypeError):
    """The arguments don't fit the function's signature. Fields: `name`, `reason`."""

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(f"the arguments don't fit {name}: {reason}")


class AttributeInvalid(UsageError):
    """An attribute breaks a limit. Fields: `key`, `reason`."""

    def __init__(self, key: str, reason: str) -> None:
        self.key, self.reason = key, reason
        super().__init__(f"the attribute {key!r} can't be set: {reason}")


class EncodeError(UsageError):
    """A value can't be recorded. Fields: `path` (as Python would reach it), `reason`."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path} can't be recorded: {reason}")


class DecodeError(UsageError):
    """What was recorded doesn't fit today's type. Fields: `path`, `reason`."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path} can't be read back: {reason}")


class PayloadLocked(DecodeError):
    """A payload doesn't open with this process's keys. Nothing is lost: its run waits for a process that has them.

    Fields: `path` (what it is), `key_id` (the name of the key that sealed it, None: none did), `reason`.
    """

    def __init__(self, path: str, key_id: str | None, reason: str) -> None:
        self.key_id = key_id
        super().__init__(path, reason)


class KeyMissing(PayloadLocked):
    """It is sealed with a key that this process doesn't have. Fields: `path`, `key_id`, `reason`."""

    def __init__(self, path: str, key_id: str) -> None:
        sealed = f"it is sealed with the key {key_id!r}, which this process doesn't have"
        super().__init__(path, key_id, f"{sealed}: give it in configure(keys=…) or PERDURE_KEYS")


class KeyWrong(PayloadLocked):
    """The key with the name that sealed it doesn't open it. Fields: `path`, `key_id`, `reason`."""

    def __init__(self, path: str, key_id: str) -> None:
        closed = f"this process's key {key_id!r} doesn't open it"
        either = "either another key had this name when it was sealed, or it was changed or moved since"
        super().__init__(path, key_id, f"{closed}: {either}")


class NotSealed(PayloadLocked):
    """It isn't sealed, and this process was told to read only what is. Fields: `path`, `key_id` (None), `reason`."""

    def __init__(self, path: str) -> None:
        super().__init__(
            path,
            None,
            "it isn't sealed, and this process has sealed_only: whoever wrote it had no keys, or had no business here",
        )


class KeysInvalid(UsageError):
    """What was given as keys can't be used. Field: `reason`, which repeats no key."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"these keys can't be used: {reason}")


class DeterminismError(UsageError):
    """A workflow's body did what only a step may do. Fields: `what`, `line` (`file:line`), `advice`."""

    def __init__(self, what: str, line: str, advice: str) -> None:
        self.what, self.line, self.advice = what, line, advice
        super().__init__(f"{what} in a workflow's body, at {line}: a replay would not see the same; {advice}")


class TransactionInvalid(UsageError):
    """A step and its transaction don't go together: it has none, say. It isn't retried. Fields: `step`, `reason`."""

    def __init__(self, step: str, reason: str) -> None:
        self.step, self.reason = step, reason
        super().__init__(f"step {step} and its transaction don't go together: {reason}")


class FatalError(PerdureError):
    """Raise it in a step when a retry can't help; the workflow catches it as itself."""


class RetryableError(PerdureError):
    """Raise it in a step to be tried again. `retry_after`: a duration or an aware datetime; None: as the policy says."""

    def __init__(self, *args: object, retry_after: "str | float | timedelta | datetime | None" = None) -> None:
        self.retry_after = retry_after
        super().__init__(*args)


class StepError(PerdureError):
    """A step ended in a way that its own code didn't choose."""


class StepTimeout(StepError, TimeoutError):
    """An attempt took too long, or was silent too long. Fields: `step`, `limit_ms`, `silent` (a missed heartbeat)."""

    def __init__(self, step: str, limit_ms: int, *, silent: bool = False) -> None:
        self.step, self.limit_ms, self.silent = step, limit_ms, silent
        what = "sent no heartbeat for" if silent else "took longer than"
        super().__init__(f"step {step} {what} {limit_ms / 1000:g} s")


class StepInterrupted(StepError):
    """An at-most-once attempt was cut off by the end of its worker: its outcome is unknown. Fields: `step`, `attempt`."""

    def __init__(self, step: str, attempt: int) -> None:
        self.step, self.attempt = step, attempt
        super().__init__(
            f"attempt {attempt} of step {step} was interrupted: its worker ended before the outcome was recorded, "
            "so the outcome is unknown; it is marked at_most_once and is not repeated"
        )


class StepNotRegistered(StepError):
    """No function with the recorded name is known to the worker. Field: `step`."""

    def __init__(self, step: str) -> None:
        self.step = step
        super().__init__(f"no step named {step!r} is registered in this worker: import the module that defines it")


class RemoteError(StepError):
    """An exception whose type can't be rebuilt here. Fields: `type_name`, `message`, `traceback` (text or None)."""

    def __init__(self, type_name: str, message: str, traceback: str | None = None) -> None:
        self.type_name, self.message, self.traceback = type_name, message, traceback
        super().__init__(f"{type_name}: {message}")


class RunError(PerdureError):
    """Something about one run. Field of most: `run_id`."""


class RunFailed(RunError):
    """The run ended with an exception, which is this one's `__cause__`. Fields: `run_id`, `summary`."""

    def __init__(self, run_id: str, summary: str) -> None:
        self.run_id, self.summary = run_id, summary
        super().__init__(f"run {run_id} failed: {summary}")


class RunCancelled(RunError):
    """The run was cancelled. Fields: `run_id`, `reason` (or None)."""

    def __init__(self, run_id: str, reason: str | None) -> None:
        self.run_id, self.reason = run_id, reason
        super().__init__(f"run {run_id} was cancelled" + (f": {reason}" if reason else ""))


class RunBlocked(RunError):
    """The run is parked until its code or an operator heals it. Fields: `run_id`, `reason`."""

    def __init__(self, run_id: str, reason: str) -> None:
        self.run_id, self.reason = run_id, reason
        super().__init__(f"run {run_id} is blocked: {reason}")


class RunNotFound(RunError):
    """No run has this id, or it isn't a run's id. Fields: `run_id`, `malformed` (the latter)."""

    def __init__(self, run_id: str, *, malformed: bool = False) -> None:
        self.run_id, self.malformed = run_id, malformed
        super().__init__(
            f"{run_id!r} is not a run's id: one looks like wrun_ and 26 letters and digits"
            if malformed
            else f"there is no run {run_id} in this world: check the id and the world's URL"
        )


class StartConflict(RunError):
    """An idempotency key belongs to another start. Fields: `run_id` (the key's run), `reason`."""

    def __init__(self, run_id: str, reason: str) -> None:
        self.run_id, self.reason = run_id, reason
        super().__init__(f"the idempotency key belongs to run {run_id} {reason}")


class WorkflowNotRegistered(RunError):
    """No workflow with this name is known here. Field: `name`."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"no workflow named {name!r} is registered here: import the module that defines it")


class HookError(PerdureError):
    """Something about one hook. Field of most: `token`."""


class HookNotFound(HookError):
    """No hook takes a payload under this token: unknown, disposed, expired, or its run has ended. Field: `token`."""

    def __init__(self, token: str) -> None:
        self.token = token
        super().__init__(
            "no hook takes a payload under this token: it is unknown, disposed or expired, or its run has ended"
        )


class HookConflict(HookError):
    """The token belongs to an open hook already. Fields: `token`, `owner_run_id`."""

    def __init__(self, token: str, owner_run_id: str) -> None:
        self.token, self.owner_run_id = token, owner_run_id
        super().__init__(
            f"the token {token!r} belongs to a hook of run {owner_run_id}: wait until it is disposed, or choose another"
        )


class HookExpired(HookError):
    """The hook's time is over, and no payload is left. Field: `token`."""

    def __init__(self, token: str) -> None:
        self.token = token
        super().__init__("the hook has expired, and no payload that came in time is left")


class PayloadInvalid(HookError, ValueError):
    """A payload doesn't fit the hook's type, and nothing was written; or a webhook's body is no JSON.

    Fields: `path`, `reason`.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"the payload doesn't fit: {path}: {reason}")


class PayloadConflict(HookError):
    """An idempotency key was used for another payload of the same hook. Field: `idempotency_key`."""

    def __init__(self, idempotency_key: str) -> None:
        self.idempotency_key = idempotency_key
        super().__init__(
            f"the idempotency key {idempotency_key!r} was used with another payload: give the same payload, or another key"
        )


class StreamClosed(PerdureError):
    """A stream takes nothing more. Fields: `run_id`, `namespace` (None: the default stream)."""

    def __init__(self, run_id: str, namespace: str | None) -> None:
        self.run_id, self.namespace = run_id, namespace
        what = f"the stream {namespace!r}" if namespace else "the default stream"
        super().__init__(f"{what} of run {run_id} is closed: write before it is, or to another namespace")


class WorldError(PerdureError):
    """The place where runs are kept can't do what was asked."""


class WorldUnavailable(WorldError):
    """The World can't be reached now; whether the last write landed may be unknown. Field: `reason`."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the world can't be reached: {reason}")


class WorldFull(WorldError):
    """The disk is full. Nothing of the refused write was kept, all that was acknowledged is safe. Field: `path`."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(
            f"the disk under {path} is full: nothing more is accepted until space is freed; "
            "everything acknowledged so far is safe"
        )


class WorldInvalid(WorldError):
    """The URL names no World, or what it names isn't one. Fields: `url`, `reason`."""

    def __init__(self, url: str, reason: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(f"{url!r} is no usable world: {reason}")


class SchemaMissing(WorldError):
    """The database has no perdure tables. Field: `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        super().__init__(f"{url} has no perdure schema: run `perdure db upgrade --world {quote(url)}`")


class SchemaTooNew(WorldError):
    """The database was migrated by a newer perdure. Fields: `url`, `found`, `known`."""

    def __init__(self, url: str, found: int, known: int) -> None:
        self.url, self.found, self.known = url, found, known
        super().__init__(
            f"{url} has schema version {found}, this perdure knows up to {known}: upgrade perdure in this process"
        )
