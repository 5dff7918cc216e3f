"""What checks say."""

from perdure.testing.scorecard.card import Evidence, Found, found, nothing, share, unseen

GOOD, BAD = Evidence("well", "a.py:1"), Evidence("badly", "a.py:2")


def test_a_share() -> None:
    assert share([GOOD], []) == Found(2, (GOOD,))
    assert share([GOOD], [BAD]) == Found(1, (BAD, GOOD))
    assert share([], [BAD]) == Found(0, (BAD,))


def test_what_cant_be_seen_and_what_doesnt_apply() -> None:
    assert unseen("no app", GOOD) == Found(None, (Evidence("not checkable: no app; answer it yourself"), GOOD))
    assert nothing("no hook") == Found(None, (Evidence("doesn't apply: no hook"),), applies=False)
    assert found(2, GOOD).applies


def test_evidence_is_a_sentence_with_its_place() -> None:
    assert str(GOOD) == "a.py:1: well"
    assert str(Evidence("well")) == "well"
