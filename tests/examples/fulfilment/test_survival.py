"""The fulfilment where everything goes wrong that can, with its own provider at its worst; its audit says what it came to."""

import json
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from examples.fulfilment import gateway
from examples.fulfilment.audit import audit
from examples.fulfilment.ledger import Entry, Ledger
from examples.fulfilment.orders import Order
from examples.fulfilment.provider import Answer, Provider, Temper
from examples.fulfilment.workflows import charge, fulfil, invoice_path, invoiced, withdraw_invoice
from perdure.testing import Broken, Effects, Outcome, simulate
from tests.examples.storms import storms

WORST = Temper(slowest=0, rate=1e6, burst=1_000_000, failing=0.2, cutting=0.3)
MEEK = Temper(slowest=0, rate=1e6, burst=1_000_000, failing=0, cutting=0)


def order(**changes: str) -> Order:
    fields: dict[str, Any] = {"item": "moka pot", "email": "ann@mail.example", "card": "card-1"} | changes
    return Order(id="A-1", customer="Ann", quantity=2, amount=Decimal("78.00"), **fields)


class Books(Ledger):
    """In memory: what dies here are workers, not the provider."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def append(self, entry: Entry) -> None:
        self.entries.append(entry)


class Line:
    """An HTTPConnection to the provider, without a network."""

    provider: Provider

    def __init__(self, host: str, timeout: float) -> None:
        self._answer = Answer(0)

    def request(self, method: str, path: str, body: str, headers: dict[str, str]) -> None:
        self._answer = self.provider.post(path, headers["idempotency-key"], json.loads(body))

    def getresponse(self) -> "Line":
        if self._answer.cut:
            raise ConnectionResetError("cut")
        return self

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def headers(self) -> dict[str, str]:
        return self._answer.headers

    def read(self) -> bytes:
        return json.dumps(self._answer.body).encode()

    def close(self) -> None: ...


class Shop:
    """`steps` opens it anew, `check` closes its books."""

    def __init__(self, folder: Path, order: Order, end: str, temper: Temper) -> None:
        self.folder, self.order, self.end, self.temper = folder, order, end, temper
        self.fakes: dict[Any, Any] = {}

    def steps(self, effects: Effects) -> dict[Any, Any]:
        Line.provider = Provider(Books(), self.temper)
        for path in self.folder.iterdir():
            path.unlink()
        return self.fakes

    def check(self, outcome: Outcome) -> None:
        assert self.end in outcome.end
        fulfilled = {self.order.id: outcome.end.startswith("the result")}
        ledger = Line.provider.ledger.entries
        problems = audit({self.order.id: self.order}, fulfilled, ledger, invoiced(self.folder))
        assert not problems, problems[0]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INVOICES", str(tmp_path))
    monkeypatch.setenv("PROVIDER_URL", "http://provider.example")
    monkeypatch.setattr(gateway, "HTTPConnection", Line)
    return tmp_path


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({}, '"order_id":"A-1","charge_id":"charge-1"'),
        ({"card": "card-declined"}, "the failure FatalError: the card was declined"),
        ({"item": "blue kettle"}, "the failure FatalError: the item is sold out for good"),
        ({"email": "ann@closed.example"}, "the failure FatalError: the mailbox takes no mail"),
    ],
    ids=["fulfilled", "declined", "sold out", "no mail"],
)
def test_the_audit_finds_nothing(folder: Path, changes: dict[str, str], end: str) -> None:
    shop = Shop(folder, order(**changes), end, WORST)
    survived = simulate(fulfil, shop.order, steps=shop.steps, seeds=storms(4), check=shop.check)
    assert survived.ran_twice


def test_a_charge_without_a_key_is_found_by_the_audit(folder: Path) -> None:
    def charge_without_a_key(order: Order) -> str:
        body = {"order": order.id, "amount": str(order.amount), "card": order.card}
        return Line.provider.post("/charges", uuid.uuid4().hex, body).body["id"]

    shop = Shop(folder, order(), "A-1", MEEK)
    shop.fakes = {charge: charge_without_a_key}
    with pytest.raises(Broken, match="its ledger has 2 of kind charge instead of 1") as found:
        simulate(fulfil, shop.order, steps=shop.steps, check=shop.check)
    assert len(found.value.faults) == 1


def test_an_invoice_that_a_frozen_attempt_writes_late_is_found_where_it_is_only_taken_away(folder: Path) -> None:
    """The simulator found it in this example."""

    def only_take_it_away(order: Order) -> None:
        invoice_path(order.id).unlink(missing_ok=True)

    shop = Shop(folder, order(email="ann@closed.example"), "the mailbox takes no mail", WORST)
    shop.fakes = {withdraw_invoice: only_take_it_away}
    with pytest.raises(Broken, match="not fulfilled, but has an invoice") as found:
        simulate(fulfil, shop.order, steps=shop.steps, crashes=None, seeds=200, check=shop.check)
    assert any("frozen" in fault for fault in found.value.faults)
