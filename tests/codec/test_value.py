import subprocess
import sys
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.codec import trust
from perdure.codec.node import MAX_BYTES
from perdure.codec.value import decode, encode, same_value
from perdure.errors import DecodeError, EncodeError
from tests.codec.samples import (
    Bare,
    Colour,
    Counted,
    Holder,
    Level,
    Line,
    Model,
    Open,
    Order,
    Pair,
    Place,
    Point,
    Private,
    Renamed,
    Right,
    Seeded,
    Size,
    Struct,
    Tree,
    same,
)  # fmt: skip

ROOT = Path(__file__).parents[2]
trust.trust_module("tests.codec.samples")

anything = st.characters(exclude_categories=[])
texts = st.text(anything)
zones = st.none() | st.timezones() | st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)
folded = st.integers(0, 1)
hashables = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**200), 2**200),
    st.floats(),
    texts,
    st.binary(),
    st.builds(lambda at, fold: at.replace(fold=fold), st.datetimes(timezones=zones), folded),
    st.dates(),
    st.builds(lambda at, fold: at.replace(fold=fold), st.times(timezones=zones), folded),
    st.timedeltas(),
    st.decimals(allow_nan=False),
    st.uuids(),
    st.complex_numbers(),
    texts.filter(lambda text: "\0" not in text).map(Path),
    texts.map(PureWindowsPath),
    st.sampled_from([*Colour, *Level, *Size, *Pair, Right.READ | Right.WRITE, Point(1.0, -0.0), Place("a", 2)]),
)
keys = st.recursive(
    hashables, lambda inner: st.frozensets(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple), max_leaves=5
)
values = st.recursive(
    keys | st.decimals(allow_nan=True) | st.sets(keys, max_size=3),
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(texts | st.just("$"), inner),
        st.dictionaries(keys, inner, max_size=4),
        inner.map(Holder),
    ),
    max_leaves=20,
)


@given(values)
def test_every_value_comes_back_the_same(value: Any) -> None:
    encoded = encode(value, "value")
    assert same(decode(encoded), value)
    assert encode(decode(encoded), "value") == encoded
    msgspec.json.decode(encoded)  # it is JSON


@given(values)
def test_an_annotation_of_any_kind_in_it_changes_nothing(value: Any) -> None:
    assert same(decode(encode([value], "value"), list[Any])[0], value)
    assert same(decode(encode(Holder(value), "value"), Holder).value, value)


WIRE: list[tuple[object, str]] = [
    (None, "null"),
    (True, "true"),
    ({"a": [1, 2.5, "ü", {}]}, '{"a":[1,2.5,"ü",{}]}'),
    (2**64 - 1, "18446744073709551615"),
    (2**64, '{"$":"int","v":"0x10000000000000000"}'),
    (-(2**63) - 1, '{"$":"int","v":"-0x8000000000000001"}'),
    (float("-inf"), '{"$":"float","v":"-inf"}'),
    (-0.0, "-0.0"),
    ("a\0b", '"a\\u0000b"'),
    ("\ud800", '{"$":"str","v":"7aCA"}'),
    (b"ab", '{"$":"bytes","v":"YWI="}'),
    ((1, (2,)), '{"$":"tuple","v":[1,{"$":"tuple","v":[2]}]}'),
    ({"b", "a"}, '{"$":"set","v":["a","b"]}'),
    (frozenset([10, 9]), '{"$":"frozenset","v":[10,9]}'),
    ({1: "a", "$": "b"}, '{"$":"map","v":[[1,"a"],["$","b"]]}'),
    ({"$": "dt", "v": "x"}, '{"$":"map","v":[["$","dt"],["v","x"]]}'),
    (1 + 2j, '{"$":"complex","v":[1.0,2.0]}'),
    (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), '{"$":"dt","v":"2026-01-02T03:04:05+00:00"}'),
    (
        datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
        '{"$":"dt","v":"2026-10-25T02:30:00+01:00","fold":1,"zone":"Europe/Berlin"}',
    ),
    (date(2026, 1, 2), '{"$":"date","v":"2026-01-02"}'),
    (time(1, 2), '{"$":"time","v":"01:02:00"}'),
    (timedelta(days=1, hours=1), '{"$":"td","v":"P1DT3600S"}'),
    (Decimal("1.50"), '{"$":"dec","v":"1.50"}'),
    (UUID(int=1), '{"$":"uuid","v":"00000000-0000-0000-0000-000000000001"}'),
    (Path("/a/b"), '{"$":"path","v":"/a/b"}'),
    (PurePosixPath("a"), '{"$":"path","v":"a","pure":"posix"}'),
    (Colour.RED, '{"$":"enum","type":"tests.codec.samples:Colour","v":"red"}'),
    (Line("a"), '{"$":"obj","type":"tests.codec.samples:Line","v":{"sku":"a","count":1,'
                '"colour":{"$":"enum","type":"tests.codec.samples:Colour","v":"red"}}}'),
    (Place("a", 2), '{"$":"obj","type":"tests.codec.samples:Place","v":{"street":"a","number":2}}'),
    (Model(id=1), '{"$":"obj","type":"tests.codec.samples:Model","set":["id"],'
                  '"v":{"id":1,"at":null,"home":null,"lines":[],"secret":null}}'),
    (KeyError("k"), '{"$":"exc","v":{"type":"builtins:KeyError","message":"\'k\'","state":{"args":["k"]}}}'),
]  # fmt: skip


@pytest.mark.parametrize(("value", "wire"), WIRE)
def test_the_wire_format_stays(value: object, wire: str) -> None:
    assert encode(value, "value").decode() == wire
    if not isinstance(value, Exception):
        assert same(decode(wire.encode()), value)


@pytest.mark.parametrize(
    ("value", "back"),
    [
        (OrderedDict(a=1), {"a": 1}),
        (defaultdict(list, a=[1]), {"a": [1]}),
        (bytearray(b"a"), b"a"),
        (memoryview(b"a"), b"a"),
        (type("Text", (str,), {"__str__": lambda self: "lies"})("a"), "a"),
        (type("Number", (int,), {})(5), 5),
        (type("Ratio", (float,), {})(-0.0), -0.0),
        (type("Moment", (datetime,), {})(2026, 1, 2), datetime(2026, 1, 2)),
        (type("Span", (timedelta,), {})(1), timedelta(1)),
        (type("Items", (list,), {})([1]), [1]),
        ({Size.S: 1}, {Size.S: 1}),
    ],
)
def test_subclasses_come_back_as_what_they_build_on(value: object, back: object) -> None:
    assert same(decode(encode(value, "value")), back)


@pytest.mark.parametrize(
    "value",
    [
        Order("a", [Line("x", 2, Colour.GREEN)], datetime(2026, 1, 1, tzinfo=UTC), Decimal("1.10")),
        Tree("root", [Tree("leaf")]),
        Struct("a", datetime(2026, 1, 1), {"x"}),
        Renamed(first_name="a"),
        Bare(1, (2,)),
        Model(id=1, at=time(1), lines=[Line("a")], home="https://example.org/a"),  # pyright: ignore[reportArgumentType]
        Open(id=1, other={1, 2}),  # pyright: ignore[reportCallIssue]
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("typed", [True, False])
def test_objects_come_back_as_themselves(value: object, typed: bool) -> None:
    back = decode(encode(value, "value"), type(value) if typed else Any)
    assert type(back) is type(value)
    assert back == value


def test_a_model_remembers_which_fields_were_given() -> None:
    back = decode(encode(Model(id=1), "value"))
    assert back.model_dump(exclude_unset=True) == {"id": 1}
    assert decode(encode(Open(id=1, x=2), "value")).model_extra == {"x": 2}  # pyright: ignore[reportCallIssue]
    assert decode(encode(Private(id=1), "value"))._seen == 7


def test_what_was_recorded_wins_over_post_init() -> None:
    value = Counted(1)
    value.label = "changed"
    back = decode(encode(value, "value"))
    assert (back.count, back.label, back.derived) == (2, "changed", 30)


def test_an_object_comes_back_without_its_init_arguments() -> None:
    assert decode(encode(Seeded(4), "value")).value == 8


def test_a_value_is_new_each_time() -> None:
    assert decode(b"[[]]") is not decode(b"[[]]")


BAD: list[tuple[Callable[[], object], str]] = [
    (
        lambda: Order("a", [Line("x"), Line(object())]),  # pyright: ignore[reportArgumentType]
        "order.lines[1].sku can't be recorded: it is an object, which is none of the types that perdure records: "
        "record what it can be made from instead",
    ),
    (
        lambda: {"rows": [[len]], "n": 1},
        'order["rows"][0][0] can\'t be recorded: it is a builtin_function_or_method, which is none of the types that '
        "perdure records: record what it can be made from instead",
    ),
    (
        lambda: {1: (object(),)},
        "order[1][0] can't be recorded: it is an object, which is none of the types that perdure records: "
        "record what it can be made from instead",
    ),
    (
        lambda: {"a": {object()}},
        'order["a"] can\'t be recorded: one of its members has no encoding (it is an object, which is none of the '
        "types that perdure records: record what it can be made from instead)",
    ),
    (
        lambda: {object(): 1},
        "order can't be recorded: one of its keys has no encoding (it is an object, which is none of the types that "
        "perdure records: record what it can be made from instead)",
    ),
    (
        lambda: Model(id=1, secret="s"),  # pyright: ignore[reportArgumentType]
        "order.secret can't be recorded: it is a pydantic.types.SecretStr, and a log is no place for a secret: record "
        "its name, and look it up in the step",
    ),
    (
        lambda: "x" * MAX_BYTES,
        "order can't be recorded: it takes 16.0 MiB and the limit is 16 MiB: keep it elsewhere and record where it is",
    ),
    (
        lambda: [b"x" * MAX_BYTES],
        "order can't be recorded: it takes 21.3 MiB and the limit is 16 MiB: keep it elsewhere and record where it is",
    ),
]


@pytest.mark.parametrize(("make", "sentence"), BAD)
def test_what_cannot_be_recorded_says_where_it_is(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(EncodeError) as caught:
        encode(make(), "order")
    assert str(caught.value) == sentence


def test_a_step_that_nobody_awaited() -> None:
    async def charge() -> None: ...

    coroutine = charge()
    with pytest.raises(EncodeError) as caught:
        encode([coroutine], "result")
    coroutine.close()
    assert str(caught.value) == (
        "result[0] can't be recorded: it is a coroutine, which nobody awaited: await it, and record what comes back"
    )


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: (value,)], ids=["plain", "tagged"])
def test_the_limit_of_depth(wrap: Callable[[object], object]) -> None:
    room = 200 - (wrap(1) != 1)
    deepest = wrap(nested(room))
    assert decode(encode(deepest, "x")) == deepest
    with pytest.raises(EncodeError) as caught:
        encode(wrap(nested(10_000)), "x")
    assert str(caught.value) == (
        "x[0][0][0][0][0][0][0][0][0][0][0][0]…[0][0][0] can't be recorded: it is nested more than 200 levels deep: "
        "flatten it, or keep it elsewhere and record where it is"
    )


def test_the_deepest_maps_and_objects_come_back() -> None:
    tree, deep = Tree("leaf"), {1: 0}
    for _ in range(99):
        tree = Tree("node", [tree])
    for _ in range(199):
        deep = {1: deep}
    assert decode(encode(tree, "x"), Tree) == decode(encode(tree, "x")) == tree
    assert decode(encode(deep, "x")) == deep


def test_a_cycle() -> None:
    tree = Tree("root", [Tree("child")])
    tree.children[0].children.append(tree)
    with pytest.raises(EncodeError) as caught:
        encode({"tree": tree}, "x")
    assert str(caught.value) == (
        'x["tree"].children[0].children[0] can\'t be recorded: it lies within itself: perdure records trees, so record '
        "an id in place of the reference back"
    )
    assert caught.value.path == 'x["tree"].children[0].children[0]'


def test_an_exception_that_holds_itself_is_a_cycle() -> None:
    error = ValueError()
    error.args = (error, error)
    with pytest.raises(EncodeError) as caught:
        encode(error, "x")
    assert str(caught.value) == (
        "x.args[0] can't be recorded: it lies within itself: perdure records trees, so record an id in place of the "
        "reference back"
    )


def test_an_object_whose_own_code_fails() -> None:
    class Broken(dict[str, int]):
        def items(self) -> Any:
            raise OSError("gone")

    with pytest.raises(EncodeError) as caught:
        encode(Broken(a=1), "x")
    assert str(caught.value) == "x can't be recorded: reading it raised OSError: gone"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "result can't be read back: it is not valid JSON (Input data was truncated)"),
        (
            b'{"a":1} ]',
            "result can't be read back: it is not valid JSON (JSON is malformed: trailing characters (byte 9))",
        ),
        (b"1e999", "result can't be read back: it is not valid JSON (Number out of range)"),
        (
            b"[" * 100_000 + b"]" * 100_000,
            "result can't be read back: it is nested too deeply: perdure writes at most 200 levels",
        ),
        (
            b'[{"$":"new","v":1}]',
            "result[0] can't be read back: its tag 'new' is unknown here: a newer perdure wrote it, so upgrade this "
            "one",
        ),
        (
            b'{"$":["dt"]}',
            "result can't be read back: its tag ['dt'] is unknown here: a newer perdure wrote it, so upgrade this one",
        ),
        (
            b'{"a":{"$":"dt","v":"soon"}}',
            "result[\"a\"] can't be read back: what its tag 'dt' holds is none (ValueError: Invalid isoformat "
            "string: 'soon')",
        ),
        (
            b'{"$":"set","v":[{"$":"obj","type":"os:Popen","v":{}}]}',
            "result can't be read back: one of its members or keys can't be one (unhashable type: 'dict'): is its "
            "class registered here?",
        ),
        (
            b'{"$":"ref","kind":"gadget","v":"a:b"}',
            "result can't be read back: it refers to the gadget 'a:b', and no such kind of thing is registered here",
        ),
    ],
)  # fmt: skip
def test_broken_and_hostile_bytes(data: bytes, sentence: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(data)
    assert str(caught.value) == sentence


TAGS = ["int", "float", "str", "bytes", "dt", "date", "time", "td", "dec", "uuid", "complex", "path", "tuple", "set",
        "frozenset", "map", "obj", "enum", "exc", "ref"]  # fmt: skip
nodes = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3) | st.just("tests.codec.samples:Line"),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["v", "type", "kind", "fold", "zone", "pure", "set", "sku"]), inner),
        st.builds(lambda tag, more: {**more, "$": tag}, st.sampled_from(TAGS), st.dictionaries(
            st.sampled_from(["v", "type", "kind", "fold", "zone", "pure", "set", "state", "message"]), inner)),
    ),
    max_leaves=8,
)  # fmt: skip


@given(nodes, st.sampled_from([Any, Line, Order, Struct, Place, Model, Tree, Colour, int, list[int], dict[int, str],
                               datetime | None, Line | Tree, Exception, Path, tuple[int, str]]))  # fmt: skip
def test_forged_tags_are_read_or_refused_with_one_error(node: Any, type_: Any) -> None:
    try:
        decode(msgspec.json.encode(node), type_)
    except DecodeError as error:
        assert error.path.startswith("result")


forged = st.recursive(
    st.none() | st.integers(-9, 9) | st.text(max_size=3) | st.sampled_from(TAGS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["$", "v", "type"]), inner),
)


@given(forged)
def test_a_users_own_tags_are_data(value: Any) -> None:
    assert decode(encode(value, "payload")) == value


def test_nothing_is_imported_or_called_for_a_name() -> None:
    for name in ("this:C", "antigravity:x", "subprocess:Popen", "tests.codec.samples:Order.__init__", "os:system"):
        for tag in ("obj", "enum"):
            data = msgspec.json.encode({"$": tag, "type": name, "v": {"args": "true"}})
            assert decode(data) == {"args": "true"}
    assert "this" not in sys.modules
    assert "antigravity" not in sys.modules


SEEDED = """
import sys
from perdure.codec.value import encode
from tests.codec.samples import *
words = {"w%d" % n for n in range(50)}
value = [words, frozenset((w, frozenset([w, 1, None])) for w in words), {Point(n, -n) for n in range(20)},
         Struct("a", None, words), Model(id=1), {Colour.RED, Size.S, b"x", 2.5, 10**30}]
sys.stdout.buffer.write(encode(value, "value"))
"""


def test_bytes_are_the_same_in_every_process() -> None:
    seen = {
        subprocess.run(
            [sys.executable, "-c", SEEDED], cwd=ROOT, check=True, capture_output=True, timeout=60,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
        ).stdout
        for seed in ("0", "1", "2", "3")
    }  # fmt: skip
    assert len(seen) == 1
    assert len(seen.pop()) > 3_000


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (b'{"a":1,"b":[2,{"c":3,"d":4}]}', b'{"b": [2, {"d": 4, "c": 3}], "a": 1}', True),
        (b'{"a":1}', msgspec.Raw(b'{"a":1}'), True),
        (b"[1,2]", b"[2,1]", False),
        (b"1", b"true", False),
        (b"1", b"1.0", False),
        (b'{"a":1}', b"{}", False),
    ],
)
def test_the_order_of_keys_makes_no_other_value(one: bytes, other: bytes | msgspec.Raw, is_same: bool) -> None:
    assert same_value(one, other) is is_same
    assert same_value(other, one) is is_same
