from perdure.worlds.postgres.row import COLUMNS, COUNT, to_record

ROW = (
    "wrun_1", "w", "running", "wrkr_\x01\x01", 1, 2, 3, 4, "key", "wrun_0", None, '{"a": "b\\u0001\\u0001"}', "d", 5, 6, 7,
    None, 8, "blue\x01\x01",
)  # fmt: skip


def test_each_column_has_its_field() -> None:
    assert COUNT == len(ROW) == len(COLUMNS.split(", "))
    record = to_record(ROW)
    assert (record.owner, record.parent_id, record.root_id, record.attributes) == (
        "wrkr_\0", "wrun_0", None, {"a": "b\0"}
    )  # fmt: skip
    assert (record.epoch, record.length, record.mail, record.wake_at_ms, record.recoveries) == (1, 2, 3, 4, 5)
    assert (record.created_at_ms, record.started_at_ms, record.ended_at_ms, record.writes) == (6, 7, None, 8)
    assert record.pin == "blue\0"
    assert to_record((*ROW[:3], None, *ROW[4:11], "{}", *ROW[12:])).attributes == {}
