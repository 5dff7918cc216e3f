"""The provider of payments, stock and mail: an HTTP server in a process of its own, no better than real ones.

It is slow, limits the rate (429 with `retry-after`), now and then fails before the work (500) or does the work and cuts
the connection. Some things it refuses for good: a card (402), an item (410), a mailbox (422). What it did under an
idempotency key it never does again: it answers 409 with the first answer's id. Its faults follow from a seed and the
order, not from timing. It trusts its callers with everything else: charging an order twice under two keys works, and
shows in the ledger.
"""

import argparse
import json
import random
import socket
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast

from examples.fulfilment.ledger import Entry, Ledger

KINDS = {
    "/charges": "charge",
    "/refunds": "refund",
    "/reservations": "reservation",
    "/releases": "release",
    "/mails": "mail",
}
REFUSALS = {  # by kind: the field that decides, how it ends, status, error
    "charge": ("card", "declined", 402, "the card was declined"),
    "reservation": ("item", "blue kettle", 410, "the item is sold out for good"),
    "mail": ("to", "@closed.example", 422, "the mailbox takes no mail"),
}


@dataclass(frozen=True)
class Temper:
    """How bad the provider is. Chances are per request, times in seconds, `rate` in requests a second."""

    seed: int = 1
    rate: float = 75.0
    burst: int = 10
    slowest: float = 0.35
    failing: float = 0.05
    cutting: float = 0.05
    faults_in_a_row: int = 2


@dataclass(frozen=True)
class Answer:
    """What goes back. `cut`: nothing does, the connection ends."""

    status: int
    body: dict[str, str] = field(default_factory=dict[str, str])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    cut: bool = False


class Provider:
    """Decides the answers. Safe for several threads."""

    def __init__(self, ledger: Ledger, temper: Temper) -> None:
        self.ledger = ledger
        self.temper = temper
        self.answers: Counter[str] = Counter()
        self._done = {entry.key: entry for entry in ledger.entries}
        self._asked: Counter[tuple[str, str]] = Counter()
        self._tokens, self._filled_at = float(temper.burst), time.monotonic()
        self._lock = threading.Lock()

    def post(self, path: str, key: str, body: dict[str, str]) -> Answer:
        """Answers one request, in its own slow time."""
        answer = self._answer(path, key, body)
        with self._lock:
            self.answers["cut" if answer.cut else str(answer.status)] += 1
        return answer

    def _answer(self, path: str, key: str, body: dict[str, str]) -> Answer:
        kind, order = KINDS.get(path), body.get("order")
        if not (kind and key and order):
            return Answer(400, {"error": "an order, an idempotency key and a known path are needed"})
        with self._lock:
            if not self._has_token():
                return Answer(429, {"error": "too many requests"}, {"retry-after": "1"})
            self._asked[kind, order] += 1
            asked = self._asked[kind, order]
        chance = random.Random(f"{self.temper.seed} {kind} {order} {asked}")
        time.sleep(chance.uniform(0.02, 1) * self.temper.slowest)
        fault = chance.random() if asked <= self.temper.faults_in_a_row else 1.0
        if fault < self.temper.failing:
            return Answer(500, {"error": "something went wrong, nothing was done"})
        if refusal := _refusal(kind, body):
            return refusal
        answer = self._do(kind, key, body)
        cut = fault < self.temper.failing + self.temper.cutting
        return Answer(answer.status, answer.body, cut=cut)

    def _do(self, kind: str, key: str, body: dict[str, str]) -> Answer:
        # One lock around the look and the write: the same request may arrive twice at once, from a killed caller and
        # from its successor.
        with self._lock:
            if first := self._done.get(key):
                return Answer(409, {"id": first.id, "error": "already done under this idempotency key"})
            entry = Entry(
                id=f"{kind}-{len(self.ledger.entries) + 1}",
                kind=kind,
                order=body["order"],
                key=key,
                amount=body.get("amount", "0.00"),
                undoes=body.get("undoes", ""),
            )
            self.ledger.append(entry)
            self._done[key] = entry
            return Answer(201, {"id": entry.id})

    def _has_token(self) -> bool:
        now = time.monotonic()
        refill = (now - self._filled_at) * self.temper.rate
        self._tokens, self._filled_at = min(self._tokens + refill, self.temper.burst), now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def _refusal(kind: str, body: dict[str, str]) -> Answer | None:
    name, ending, status, error = REFUSALS.get(kind, ("", "", 0, ""))
    return Answer(status, {"error": error}) if status and body.get(name, "").endswith(ending) else None


class ProviderServer(ThreadingHTTPServer):
    """Serves on loopback, on a port that the system picks; closing it waits for the requests under way."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """HTTP in, HTTP out."""

    def do_POST(self) -> None:
        """Does what is asked, or doesn't."""
        length = int(self.headers.get("content-length", "0"))
        body = json.loads(self.rfile.read(length))
        answer = self._provider.post(self.path, self.headers.get("idempotency-key", ""), body)
        if answer.cut:
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._send(answer)

    def do_GET(self) -> None:
        """How often each answer was given; "cut" are those that never arrived."""
        counts = {name: str(count) for name, count in self._provider.answers.items()}
        self._send(Answer(200, counts))

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the ledger is the record."""

    @property
    def _provider(self) -> Provider:
        return cast(ProviderServer, self.server).provider

    def _send(self, answer: Answer) -> None:
        content = json.dumps(answer.body).encode()
        try:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except ConnectionError:
            pass  # the caller was killed while it waited; the work is done and in the ledger


def main() -> None:
    """Serves until standard input closes: so it ends with the demo, however that ends."""
    parser = argparse.ArgumentParser(prog="python -m examples.fulfilment.provider")
    parser.add_argument("ledger", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    ledger = Ledger(options.ledger)
    with ProviderServer(Provider(ledger, Temper(seed=options.seed))) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        print(server.url, flush=True)
        sys.stdin.read()
        server.shutdown()
        serving.join()
    ledger.close()


if __name__ == "__main__":
    main()
