"""GitHub, and who signs as it does. (docs.github.com, "Validating webhook deliveries")"""

from collections.abc import Mapping

from perdure.http.verify.signature import SignatureInvalid, check_match, header
from perdure.http.verify.verifier import Verifier

HEADER = "x-hub-signature-256"
PREFIX = "sha256="


class GitHub(Verifier):
    """`X-Hub-Signature-256: sha256=…` over the body. It has no timestamp: a request can be sent again for ever.

    What tells deliveries apart is the header `X-GitHub-Delivery`, which isn't signed. SHA-1 signatures don't count.
    """

    kind = "github"

    def check(self, method: str, url: str, headers: Mapping[str, str], body: bytes, now_s: float) -> None:
        value = header(headers, HEADER)
        if not value.startswith(PREFIX):
            raise SignatureInvalid(f"its {HEADER} doesn't begin with {PREFIX}")
        expected = [digest.hex() for digest in self.digests(body)]
        check_match([value.removeprefix(PREFIX)], expected)
