"""Attributes: small texts on a run, for people and for filters."""

from perdure.api.options import check_attributes
from perdure.errors import NotInWorkflow
from perdure.model.event import AttributesSet
from perdure.replay.body import current_body
from perdure.replay.scope import current_attempt


async def set_attributes(**changes: str | None) -> None:
    """Set attributes of the run, from its workflow or one of its steps; None removes one.

    At most 64 at a time, keys up to 256 characters, values up to 256 bytes of UTF-8. Raises: AttributeInvalid, NotInWorkflow.
    """
    checked = check_attributes(changes)
    body, attempt = current_body(), current_attempt()
    if body is not None:
        body.ask(body.key("attr"), AttributesSet(changes=checked))
    elif attempt is not None:
        attempt.set_attributes(checked)
    else:
        raise NotInWorkflow("set_attributes", "only a workflow or one of its steps has a run")
