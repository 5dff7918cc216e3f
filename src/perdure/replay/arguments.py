"""Input that was recorded by position (a JSON array from the command line), bound to names by whoever knows the code."""

import msgspec
from msgspec import Raw

from perdure.errors import ArgumentsInvalid
from perdure.model.definition import Definition


def by_name(definition: Definition, input: Raw) -> Raw:
    """The input as an object by name. Raises: ArgumentsInvalid where there are more values than parameters."""
    if not bytes(input).startswith(b"["):
        return input
    values = msgspec.json.decode(input, type=list[Raw])
    names = list(definition.signature.parameters)
    if len(values) > len(names):
        raise ArgumentsInvalid(definition.name, f"it takes {len(names)} arguments, {len(values)} were given")
    return Raw(msgspec.json.encode(dict(zip(names, values, strict=False))))
