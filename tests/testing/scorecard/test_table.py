"""The table is whole: every item of the production readiness scorecard, the closing questions, the checklist."""

from perdure.testing.scorecard.table import CHECKLIST, ITEMS, NAMES, QUESTIONS, SECTIONS


def test_every_item_is_there() -> None:
    assert [len(section.items) for section in SECTIONS] == [4, 5, 4, 6, 5, 6, 5, 8]
    assert len(ITEMS) == 43
    assert len({item.text for item in ITEMS.values()}) == 43
    assert (len(QUESTIONS), len(CHECKLIST)) == (8, 11)


def test_ids_are_once() -> None:
    assert len(NAMES) == 43 + 8 + 11


def test_questions_are_answered_by_items() -> None:
    for question in (*QUESTIONS, *CHECKLIST):
        assert set(question.items) <= ITEMS.keys()
    assert [question.id for question in (*QUESTIONS, *CHECKLIST) if not question.items] == [
        "list-streams",
        "list-tests",
    ]
