"""A tool call that waits for a person: who may decide holds the run's id and the approval's, and nothing else fits."""

from dataclasses import dataclass

from perdure.api.hook import HookDefinition, define_hook


@dataclass(frozen=True, slots=True)
class Approval:
    """A decision. `reason` is told to the model where it is a refusal."""

    approved: bool
    reason: str | None = None


APPROVALS: HookDefinition[Approval] = define_hook(Approval, prefix="perdure-approval")


def approval_key(run_id: str, approval_id: str) -> str:
    """What the hook of an approval is called: another run's, or one that was decided, is none."""
    return f"{run_id}:{approval_id}"
