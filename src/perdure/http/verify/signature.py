"""What the kinds of verifiers have in common: reading a header that anybody may have written, the replay window, and
comparing signatures in constant time.

Headers are compared as the text that they are, never decoded: so one signature has one spelling, and no header can
raise anything but SignatureInvalid.
"""

import hmac
import re
from collections.abc import Iterable, Mapping, Sequence

from perdure.errors import PerdureError

HEADER_CHARACTERS_MAX = 4096
"""Of a header that takes part in a signature. The longest known are lists of signatures, of some hundred characters."""

_SECONDS = re.compile(r"[0-9]{1,12}")


class SignatureInvalid(PerdureError):
    """A request isn't signed by who it should come from, or not lately. Field: `reason`, for your log; not for the sender."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the request's signature is not accepted: {reason}")


def header(headers: Mapping[str, str], name: str) -> str:
    """The value of the one header with this name, in any case; printable ASCII. Raises: SignatureInvalid."""
    values = [value for key, value in headers.items() if key.lower() == name]
    if not values:
        raise SignatureInvalid(f"it has no header {name}")
    if len(values) > 1:
        raise SignatureInvalid(f"it has the header {name} more than once")
    [value] = values
    if len(value) > HEADER_CHARACTERS_MAX:
        raise SignatureInvalid(f"its {name} has {len(value)} characters, {HEADER_CHARACTERS_MAX} are allowed")
    if not (value.isascii() and value.isprintable()):
        raise SignatureInvalid(f"its {name} holds what is no printable ASCII")
    return value


def check_time(name: str, timestamp: str, now_s: float, tolerance_s: float) -> None:
    """The moment, in seconds since the epoch, lies within the window, both ways. Raises: SignatureInvalid."""
    if _SECONDS.fullmatch(timestamp) is None:
        raise SignatureInvalid(f"its {name} is no number of seconds")
    age_s = now_s - int(timestamp)
    if abs(age_s) > tolerance_s:
        where = "old" if age_s > 0 else "in the future"
        raise SignatureInvalid(f"its {name} is {abs(age_s):.0f} s {where}, {tolerance_s:g} s are allowed")


def digests(keys: Iterable[bytes], *parts: bytes) -> list[bytes]:
    """HMAC-SHA256 of the parts together, by each key."""
    made: list[bytes] = []
    for key in keys:
        digest = hmac.new(key, digestmod="sha256")
        for part in parts:
            digest.update(part)
        made.append(digest.digest())
    return made


def check_match(given: Sequence[str], expected: Sequence[str]) -> None:
    """One of the given signatures is one of those expected. Takes as long when it isn't. Raises: SignatureInvalid."""
    if not given:
        raise SignatureInvalid("it has no signature of the version that is checked")
    matches = [hmac.compare_digest(one.encode(), other.encode()) for one in given for other in expected]
    if not any(matches):
        raise SignatureInvalid("its signature is by none of the secrets, or for other content")
