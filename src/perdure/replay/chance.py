"""Randomness that a replay repeats: functions of the run's id and of the request's place in the task tree."""

from hashlib import blake2b
from uuid import UUID

from perdure.core.fork import source_of
from perdure.replay.body import Body


def draw_random(body: Body) -> float:
    """In [0, 1), with 53 random bits."""
    return (int.from_bytes(_digest(body, "random")[:8], "big") >> 11) / (1 << 53)


def draw_uuid4(body: Body) -> UUID:
    return UUID(bytes=_digest(body, "uuid4"), version=4)


def _digest(body: Body, kind: str) -> bytes:
    source = source_of(body.run_id, body.origin, body.machine.turn)
    return blake2b(f"{source}\n{body.key(kind)}".encode(), digest_size=16).digest()
