from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Mapping, MutableMapping, MutableSequence, MutableSet, Sequence, Set
from datetime import date
from typing import Any

import pytest

from perdure.codec.value import decode, encode
from perdure.errors import DecodeError
from tests.codec.samples import Line, Movie, Place, same


@pytest.mark.parametrize(
    ("type_", "value", "back"),
    [
        (list[int], (1, 2), [1, 2]),
        (list, {1}, [1]),
        (set[int], [1, 1], {1}),
        (set, frozenset([1]), {1}),
        (frozenset[str], {"a"}, frozenset(["a"])),
        (tuple[int, ...], [1, 2], (1, 2)),
        (tuple, [1, (2,)], (1, (2,))),
        (tuple[int, str], [1, "a"], (1, "a")),
        (tuple[()], [], ()),
        (Sequence[int], (1, 2), (1, 2)),
        (Sequence[int], [1, 2], [1, 2]),
        (Sequence[Any], "ab", "ab"),
        (Iterable[int], {1}, {1}),
        (Iterable[int], {1: 2}, {1: 2}),
        (Collection[Line], (Line("a"),), (Line("a"),)),
        (Set[int], {1}, {1}),
        (Set[int], frozenset([1]), frozenset([1])),
        (Set[int], [1], {1}),
        (MutableSet[int], frozenset([1]), {1}),
        (MutableSequence[int], (1,), [1]),
        (dict, {1: (2,)}, {1: (2,)}),
        (dict[int, tuple[int, ...]], {1: [2]}, {1: (2,)}),
        (dict[Place, int], {Place("a"): 1}, {Place("a"): 1}),
        (dict[str, int], {"$": 1}, {"$": 1}),
        (Mapping[str, set[int]], {"a": [1]}, {"a": {1}}),
        (MutableMapping[date, int], {date(2026, 1, 2): 1}, {date(2026, 1, 2): 1}),
        (OrderedDict[str, int], {"a": 1}, {"a": 1}),
        (defaultdict[str, int], {"a": 1}, {"a": 1}),
        (Movie, {"title": "a", "stars": (5,)}, {"title": "a", "stars": (5,)}),
        (Movie, {"title": "a", "seen": date(2026, 1, 2)}, {"title": "a", "seen": date(2026, 1, 2)}),
        (Movie, {"title": "a", "seen": "2026-01-02"}, {"title": "a", "seen": date(2026, 1, 2)}),
        (Movie, {"title": "a", "$": 1}, {"title": "a", "$": 1}),
    ],
)  # fmt: skip
def test_the_annotation_decides_where_it_is_concrete(type_: Any, value: object, back: object) -> None:
    assert same(decode(encode(value, "x"), type_), back)


@pytest.mark.parametrize(
    ("type_", "value", "sentence"),
    [
        (list[int], 5, "result can't be read back: it is an int, where the annotation asks for list"),
        (list[int], {"a": 1}, "result can't be read back: it is a dict, where the annotation asks for list"),
        (Sequence[int], 5, "result can't be read back: it is an int, where the annotation asks for Sequence"),
        (set[int], {1, "a"}, "result[0] can't be read back: it is a str, where the annotation asks for int"),
        (tuple[int, str], (1,), "result can't be read back: it has 1 items, where the annotation asks for 2"),
        (tuple[int, str], (1, 2), "result[1] can't be read back: it is an int, where the annotation asks for str"),
        (tuple[int], "a", "result can't be read back: it is a str, where the annotation asks for tuple"),
        (dict[str, int], [1], "result can't be read back: it is a list, where the annotation asks for dict"),
        (dict[str, int], {1: 1}, "result can't be read back: it is an int, where the annotation asks for str"),
        (dict[int, int], {"a": 1}, "result can't be read back: one of its keys is no int"),
        (dict[int, int], {1: "a"}, "result[1] can't be read back: it is a str, where the annotation asks for int"),
        (Movie, {"seen": None},
            "result[\"seen\"] can't be read back: it is None, where the annotation asks for datetime.date"),
        (Movie, {}, "result can't be read back: it has no key 'title', and Movie requires it"),
        (Movie, 5, "result can't be read back: it is an int, where the annotation asks for Movie"),
    ],
)  # fmt: skip
def test_what_does_not_fit(type_: Any, value: object, sentence: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(encode(value, "x"), type_)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"$":"tuple","v":1}', "what its tag 'tuple' holds is no list"),
        (b'{"$":"set"}', "what its tag 'set' holds is no list"),
        (b'{"$":"map","v":[1]}', "what its tag 'map' holds is no list of pairs"),
        (b'{"$":"map"}', "what its tag 'map' holds is no list of pairs"),
    ],
)
def test_broken_tags(data: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(data)
    assert caught.value.reason == reason
