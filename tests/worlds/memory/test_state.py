from perdure.worlds.memory.state import Draft, State, Worker


def test_a_draft_changes_nothing_until_it_is_published() -> None:
    state = State()
    state.keys["old"] = "wrun_1"
    draft = Draft(state, now_ms=5)
    draft.keys["new"] = "wrun_2"
    assert dict(draft.keys) == {"old": "wrun_1", "new": "wrun_2"}
    assert state.keys == {"old": "wrun_1"}
    draft.publish()
    assert state.keys == {"old": "wrun_1", "new": "wrun_2"}


def test_a_lease_ends_at_its_end() -> None:
    state = State()
    state.workers["wrkr_1"] = Worker(lease_until_ms=10, graceful=False)
    assert [state.is_live("wrkr_1", now_ms) for now_ms in (9, 10, 11)] == [True, False, False]
    assert not state.is_live("wrkr_2", 0)
