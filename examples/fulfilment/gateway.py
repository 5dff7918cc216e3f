"""How steps ask the provider for something: one request, and what its answer means for a retry.

Every request carries the step's id as its idempotency key. The id is the same in each attempt of a step, also in
another process after a crash, so however often a step is tried, the provider acts once.
"""

import json
import os
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

from perdure import FatalError, RetryableError, get_step_metadata


class ProviderFailed(Exception):
    """The provider broke down; whether it did the work is unknown, and asking again is safe."""


def ask(path: str, **body: str) -> str:
    """The id of what the provider did now, or had already done for this step.

    Raises: FatalError if it refuses for good, RetryableError if it is busy, ProviderFailed or an OSError if it broke.
    """
    host = urlsplit(os.environ["PROVIDER_URL"]).netloc
    headers = {"idempotency-key": get_step_metadata().step_id, "content-type": "application/json"}
    with closing(HTTPConnection(host, timeout=10)) as connection:
        connection.request("POST", path, json.dumps(body), headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
    if response.status in (201, 409):  # 409: done before, by an attempt whose answer got lost
        return str(answer["id"])
    if response.status == 429:
        raise RetryableError("the provider is busy", retry_after=float(response.headers["retry-after"]))
    if 400 <= response.status < 500:
        raise FatalError(answer["error"])
    raise ProviderFailed(answer["error"])
