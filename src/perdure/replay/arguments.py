"""From recorded input to a call: by name; or by position (a JSON array from the command line), bound by who has the code.
And from a call to what is recorded of it.
"""

from collections.abc import Coroutine
from typing import Any

import msgspec
from msgspec import Raw

from perdure.codec.arguments import decode_arguments, encode_arguments
from perdure.errors import ArgumentsInvalid, DecodeError, UsageError
from perdure.model.definition import Definition


def called(definition: Definition, input: Raw) -> Coroutine[Any, Any, Any]:
    """The function's coroutine; nothing of it has run. Raises: DecodeError, ArgumentsInvalid."""
    coroutine: Coroutine[Any, Any, Any] = definition.call(
        decode_arguments(by_name(definition, input), definition.types)
    )
    return coroutine


def read_arguments(definition: Definition, input: Raw) -> dict[str, Any]:
    """As a call will have them, for who asks before there is one. Raises: ArgumentsInvalid, for a misfit of types too."""
    try:
        return decode_arguments(by_name(definition, input), definition.types)
    except DecodeError as error:
        raise ArgumentsInvalid(definition.name, f"{error.path}: {error.reason}") from None


def by_name(definition: Definition, input: Raw) -> Raw:
    """The input as an object by name. Raises: ArgumentsInvalid."""
    if not bytes(input).startswith(b"["):
        return input
    values = msgspec.json.decode(input, type=list[Raw])
    return Raw(msgspec.json.encode(definition.named(tuple(values), {})))


def as_recorded(definition: Definition, input: Raw, recorded: Raw) -> Raw:
    """What a call in a replay asks with: the recorded input, where today's code reads it as what the call gives. A class of
    it may have got a field with a default since, or lost one."""
    if input == recorded:
        return input
    try:
        read = decode_arguments(by_name(definition, recorded), definition.types)
        return recorded if encode_arguments(definition.named((), read)) == bytes(input) else input
    except UsageError:  # it can't be read, or not be called so
        return input
