"""The privacy request where everything goes wrong that can; and with a bug planted, which is found."""

import uuid
from typing import Any

import pytest

from examples.compliance.systems import mails, reset, systems
from examples.compliance.workflows import PrivacyRequest, Release, Verified, erase_records, fulfil
from perdure.testing import Broken, Effects, Outcome, simulate
from tests.examples.storms import storms

ANN = "ann@example.org"
REQUEST = PrivacyRequest("r-1", ANN, "erasure", ["crm", "billing", "support"])
VERIFIED = {"privacy-verified:*": Verified(by=ANN)}
RELEASED = VERIFIED | {"privacy-release:*": Release(approved=True, by="lena")}
REFUSED = VERIFIED | {"privacy-release:*": Release(approved=False, by="lena", reason="a lawsuit")}


def first_day(effects: Effects) -> dict[Any, Any]:
    reset()
    systems["billing"].outages = 1
    return {}


@pytest.mark.parametrize(
    ("payloads", "end", "to", "erased"),
    [
        (RELEASED, '"outcome":"answered","records":{"crm":2,"billing":2,"support":1}', [ANN, ANN], 3),
        (REFUSED, '"outcome":"refused"', [ANN, ANN], 0),
        (VERIFIED, '"outcome":"overdue"', [ANN, "privacy@example.org", "privacy@example.org"], 0),
        ({}, '"outcome":"not verified"', [ANN], 0),
    ],
    ids=["released", "refused", "overdue", "not verified"],
)
def test_every_mail_is_sent_once_and_all_is_erased_or_nothing(
    payloads: dict[str, Any], end: str, to: list[str], erased: int
) -> None:
    def records(outcome: Outcome) -> None:
        assert end in outcome.end
        assert [who for who, _ in mails.values()] == to
        assert sum(len(system.erased) for system in systems.values()) == erased

    simulate(fulfil, REQUEST, steps=first_day, payloads=payloads, seeds=storms(4), check=records)


def test_an_erasure_that_forgets_that_it_was_done_is_found() -> None:
    """What was erased is answered to the person: a second time without the key there is nothing left to count."""

    def forgetful(effects: Effects) -> dict[Any, Any]:
        reset()
        return {erase_records: lambda system, person: systems[system].erase(person, key=uuid.uuid4().hex)}

    with pytest.raises(Broken) as found:
        simulate(fulfil, REQUEST, steps=forgetful, payloads=RELEASED)
    assert '"records":{"crm":2,"billing":2,"support":1}' in found.value.expected
    assert ":0" in found.value.found and len(found.value.faults) == 1
