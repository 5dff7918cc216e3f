import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, RemoteDisconnected
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from examples.fulfilment.ledger import Entry, Ledger, read_ledger
from examples.fulfilment.provider import Provider, ProviderServer, Temper

KIND = Temper(rate=1e9, slowest=0, failing=0, cutting=0)
CHARGE = {"order": "A-1", "amount": "78.00", "card": "card-1"}


@contextmanager
def serving(path: Path, temper: Temper) -> Iterator[str]:
    ledger = Ledger(path)
    with closing(ledger), ProviderServer(Provider(ledger, temper)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.url
        finally:
            server.shutdown()
            thread.join()


def post(url: str, path: str, key: str, **body: str) -> tuple[int, dict[str, str], str | None]:
    with closing(HTTPConnection(urlsplit(url).netloc, timeout=10)) as connection:
        connection.request("POST", path, json.dumps(body), {"idempotency-key": key})
        response = connection.getresponse()
        return response.status, json.loads(response.read()), response.headers["retry-after"]


def test_a_repeated_key_gets_409_with_the_first_id_and_acts_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    with serving(path, KIND) as url:
        assert post(url, "/charges", "key-1", **CHARGE)[:2] == (201, {"id": "charge-1"})
        status, body, _ = post(url, "/charges", "key-1", **CHARGE)
        assert (status, body["id"]) == (409, "charge-1")
        assert post(url, "/charges", "key-2", **CHARGE)[:2] == (201, {"id": "charge-2"})
    assert read_ledger(path) == [
        Entry("charge-1", "charge", "A-1", "key-1", "78.00"),
        Entry("charge-2", "charge", "A-1", "key-2", "78.00"),
    ]


def test_keys_are_remembered_across_restarts(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    with serving(path, KIND) as url:
        post(url, "/charges", "key-1", **CHARGE)
    with serving(path, KIND) as url:
        assert post(url, "/charges", "key-1", **CHARGE)[0] == 409
    assert len(read_ledger(path)) == 1


def test_the_same_request_twice_at_once_acts_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    statuses: list[int] = []
    with serving(path, KIND) as url:
        threads = [
            threading.Thread(target=lambda: statuses.append(post(url, "/charges", "key-1", **CHARGE)[0]))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(statuses) == [201] + [409] * 7
    assert len(read_ledger(path)) == 1


def test_too_many_requests_get_429_and_when_to_come_back(tmp_path: Path) -> None:
    with serving(tmp_path / "ledger", Temper(rate=0, burst=2, slowest=0, failing=0, cutting=0)) as url:
        answers = [post(url, "/charges", f"key-{number}", **CHARGE) for number in range(4)]
    assert [(status, retry_after) for status, _, retry_after in answers] == [
        (201, None),
        (201, None),
        (429, "1"),
        (429, "1"),
    ]
    assert len(read_ledger(tmp_path / "ledger")) == 2


def test_a_failure_does_nothing_and_passes(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    with serving(path, Temper(slowest=0, failing=1, cutting=0, faults_in_a_row=2)) as url:
        assert [post(url, "/charges", "key-1", **CHARGE)[0] for _ in range(2)] == [500, 500]
        assert read_ledger(path) == []
        assert post(url, "/charges", "key-1", **CHARGE)[0] == 201


def test_a_cut_connection_has_done_the_work(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    with serving(path, Temper(slowest=0, failing=0, cutting=1, faults_in_a_row=1)) as url:
        with pytest.raises(RemoteDisconnected):
            post(url, "/charges", "key-1", **CHARGE)
        assert [entry.key for entry in read_ledger(path)] == ["key-1"]
        assert post(url, "/charges", "key-1", **CHARGE)[0] == 409


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        ("/charges", {"card": "card-declined"}, 402, "the card was declined"),
        ("/reservations", {"item": "blue kettle"}, 410, "the item is sold out for good"),
        ("/mails", {"to": "ann@closed.example"}, 422, "the mailbox takes no mail"),
        ("/wishes", {}, 400, "an order, an idempotency key and a known path are needed"),
    ],
)
def test_what_is_refused_for_good(tmp_path: Path, path: str, body: dict[str, str], status: int, error: str) -> None:
    with serving(tmp_path / "ledger", KIND) as url:
        assert post(url, path, "key-1", order="A-1", **body)[:2] == (status, {"error": error})
    assert read_ledger(tmp_path / "ledger") == []


def test_its_faults_follow_from_the_seed(tmp_path: Path) -> None:
    def statuses(name: str, seed: int) -> list[str]:
        provider = Provider(Ledger(tmp_path / name), Temper(seed=seed, rate=1e9, slowest=0, failing=0.4, cutting=0.3))
        answers = [provider.post("/charges", f"key-{i}", {"order": f"A-{i}"}) for i in range(40)]
        provider.ledger.close()
        return [f"{answer.status} {answer.cut}" for answer in answers]

    assert statuses("a", 1) == statuses("b", 1)
    assert statuses("c", 2) != statuses("d", 1)
    assert set(statuses("e", 1)) == {"201 False", "201 True", "500 False"}


def test_the_process_ends_when_its_input_closes(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "examples.fulfilment.provider", str(tmp_path / "ledger")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        try:
            assert process.stdout.readline().startswith("http://127.0.0.1:")
            process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0
