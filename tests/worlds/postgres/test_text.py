"""Texts come back the same, in the same order, and begin with what they began with."""

from hypothesis import given
from hypothesis import strategies as st

from perdure.worlds.postgres.text import read, read_optional, read_pairs, write, write_optional, write_pairs

TEXTS = st.text(st.sampled_from("\0\x01\x02\x03ab") | st.characters(exclude_categories=["Cs"]))


@given(TEXTS)
def test_comes_back_the_same(text: str) -> None:
    assert "\0" not in write(text)
    assert read(write(text)) == text
    assert read_optional(write_optional(text)) == text


@given(TEXTS, TEXTS)
def test_order_and_beginnings_are_kept(one: str, other: str) -> None:
    assert (write(one) < write(other)) == (one < other)
    assert write(one).startswith(write(other)) == one.startswith(other)


def test_what_is_plain_stays_as_it_is() -> None:
    assert write("wrun_01 é😀") == "wrun_01 é😀"
    assert write("a\0b\x01") == "a\x01\x01b\x01\x02"
    assert write_optional(None) is read_optional(None) is None


def test_pairs() -> None:
    pairs = {"a\0": "\x01", "": "\0\0"}
    assert read_pairs(write_pairs(pairs)) == pairs
    assert "\0" not in "".join([*write_pairs(pairs), *write_pairs(pairs).values()])
