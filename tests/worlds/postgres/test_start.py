from perdure.testing.conformance.sample import ONE, run_id, start_of
from perdure.worlds.postgres.start import made, start_words, started


def test_what_is_not_asked_is_not_told() -> None:
    assert start_words(start_of(), 1, 2) == {
        "run": run_id(1), "workflow": "shop:fulfil", "deployment": "", "created": 1, "started": 2
    }  # fmt: skip


def test_all_that_can_be_asked() -> None:
    start = start_of(
        owner=ONE, wake_at_ms=5, idempotency_key="k\0", parent_id=run_id(2), root_id=run_id(3), attributes={"a": "b\0"}
    )
    words = start_words(start, 1, 2)
    assert (words["owner"], words["wake"], words["idempotency_key"]) == (ONE, 5, "k\x01\x01")
    assert (words["parent"], words["root"], words["attributes"]) == (run_id(2), run_id(3), {"a": "b\x01\x01"})


def test_what_is_told_back() -> None:
    outcome = started({"run": "wrun_\x01\x01", "created": False, "owned": True, "at": 7})
    assert (outcome.run_id, outcome.created, outcome.owned, outcome.at_ms) == ("wrun_\0", False, True, 7)


def test_what_did_as_it_asked_needs_no_telling() -> None:
    for start, owned in ((start_of(), False), (start_of(owner=ONE), True)):
        outcome = made(start, 7)
        assert (outcome.run_id, outcome.created, outcome.owned, outcome.at_ms) == (run_id(1), True, owned, 7)
