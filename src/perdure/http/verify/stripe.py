"""Stripe, and who signs as it does. (docs.stripe.com, "Verify webhook signatures manually")"""

from collections.abc import Mapping

from perdure.http.verify.signature import SignatureInvalid, check_match, check_time, header
from perdure.http.verify.verifier import TimedVerifier

HEADER = "stripe-signature"
SCHEME = "v1"


class Stripe(TimedVerifier):
    """`Stripe-Signature: t=…,v1=…` over `t.body`; several v1 while Stripe rotates. The endpoint's secret, all of it,
    `whsec_` too: here that is no prefix."""

    kind = "stripe"

    def check(self, method: str, url: str, headers: Mapping[str, str], body: bytes, now_s: float) -> None:
        value = header(headers, HEADER)
        if " " in value:  # as in two headers that were joined
            raise SignatureInvalid(f"its {HEADER} holds a space")
        parts = [part.partition("=") for part in value.split(",")]
        timestamps = [text for scheme, _, text in parts if scheme == "t"]
        if len(timestamps) != 1:
            raise SignatureInvalid(f"its {HEADER} has {len(timestamps)} timestamps")
        [timestamp] = timestamps
        check_time(HEADER, timestamp, now_s, self._tolerance_s)
        expected = self.digests(f"{timestamp}.".encode(), body)
        check_match([text for scheme, _, text in parts if scheme == SCHEME], [digest.hex() for digest in expected])
