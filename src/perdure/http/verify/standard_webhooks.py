"""Standard Webhooks: many providers, one scheme. (github.com/standard-webhooks, spec/standard-webhooks.md)"""

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping

from perdure.http.verify.signature import SignatureInvalid, check_match, check_time, header
from perdure.http.verify.verifier import TimedVerifier

ID = "webhook-id"
TIMESTAMP = "webhook-timestamp"
SIGNATURE = "webhook-signature"
VERSION = "v1"
PREFIX = "whsec_"

# Without the full stop that parts the signed content: with one, a piece of a signed body could pass for a newer
# timestamp (the specification warns of it).
_ID = re.compile(r"[!-\-/-~]+")
_SIGNATURE = re.compile(r"[0-9a-z]+,[0-9A-Za-z+/=]+")


class StandardWebhooks(TimedVerifier):
    """`webhook-signature: v1,…` over `id.timestamp.body`, with `webhook-id` and `webhook-timestamp`.

    A secret is `whsec_` and base64, or base64 alone; bytes are the key itself. A provider repeats the id when it tries
    again: it tells deliveries apart. Asymmetric signatures (v1a) don't count.
    """

    kind = "standard-webhooks"

    def key_of(self, secret: str | bytes) -> bytes:
        if isinstance(secret, bytes):
            return secret
        if secret.startswith(("whpk_", "whsk_")):
            raise ValueError("it is a key for asymmetric signatures, which aren't checked")
        try:
            return b64decode(secret.removeprefix(PREFIX), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(f"behind {PREFIX} it isn't base64") from None

    def check(self, method: str, url: str, headers: Mapping[str, str], body: bytes, now_s: float) -> None:
        identity, timestamp = header(headers, ID), header(headers, TIMESTAMP)
        signatures = header(headers, SIGNATURE).split(" ")
        if _ID.fullmatch(identity) is None:
            raise SignatureInvalid(f"its {ID} is empty, or holds a space or a full stop")
        check_time(TIMESTAMP, timestamp, now_s, self._tolerance_s)
        if not all(map(_SIGNATURE.fullmatch, signatures)):
            raise SignatureInvalid(f"its {SIGNATURE} is no list of versions and base64")
        parts = [signature.partition(",") for signature in signatures]
        expected = self.digests(f"{identity}.{timestamp}.".encode(), body)
        check_match(
            [text for version, _, text in parts if version == VERSION],
            [b64encode(digest).decode() for digest in expected],
        )
