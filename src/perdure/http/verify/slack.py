"""Slack. (docs.slack.dev, "Verifying requests from Slack")"""

from collections.abc import Mapping

from perdure.http.verify.signature import SignatureInvalid, check_match, check_time, header
from perdure.http.verify.verifier import TimedVerifier

SIGNATURE = "x-slack-signature"
TIMESTAMP = "x-slack-request-timestamp"
VERSION = "v0"


class Slack(TimedVerifier):
    """`X-Slack-Signature: v0=…` over `v0:timestamp:body`, with `X-Slack-Request-Timestamp`. The app's signing secret."""

    kind = "slack"

    def check(self, method: str, url: str, headers: Mapping[str, str], body: bytes, now_s: float) -> None:
        timestamp, value = header(headers, TIMESTAMP), header(headers, SIGNATURE)
        check_time(TIMESTAMP, timestamp, now_s, self._tolerance_s)
        version, _, given = value.partition("=")
        if version != VERSION:
            raise SignatureInvalid(f"its {SIGNATURE} doesn't begin with {VERSION}=")
        expected = self.digests(f"{VERSION}:{timestamp}:".encode(), body)
        check_match([given], [digest.hex() for digest in expected])
