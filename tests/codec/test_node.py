import pytest

from perdure.codec.misfit import Misfit
from perdure.codec.node import from_json, has_surrogate, named, shown, tag_of
from tests.codec.samples import Hostile, Line


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "None"), (1, "an int"), ("a", "a str"), (Line("a"), "a tests.codec.samples.Line")],
)
def test_a_value_in_a_sentence(value: object, text: str) -> None:
    assert named(value) == text


def test_a_shown_value_is_cut_and_never_raises() -> None:
    assert shown("a" * 100) == "'" + "a" * 79 + "…"
    assert shown(Hostile()) == "<Hostile>"


def test_surrogates_are_found() -> None:
    assert [has_surrogate(text) for text in ("a", "ü😀", "a\udc00")] == [False, False, True]


def test_a_tag() -> None:
    assert [tag_of(node) for node in ({"$": "dt"}, {"v": 1}, [1], None)] == ["dt", None, None, None]


@pytest.mark.parametrize("data", [b"", b"{", b"nan", b"'a'", b'"\xff"', b'"\\ud800"', b"[" * 5_000])
def test_what_is_no_json_is_a_misfit(data: bytes) -> None:
    with pytest.raises(Misfit):
        from_json(data)
