import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.json import decode, encode

from perdure import errors
from perdure.codec import trust
from perdure.codec.failure import from_failure, to_failure
from perdure.errors import RemoteError, RetryableError, RunCancelled, StepTimeout
from perdure.model.failure import Failure
from tests.codec.samples import Declined, Hostile, Line

trust.trust_module("tests.codec.samples")


def through_the_log(error: BaseException) -> BaseException:
    data = encode(to_failure(error))
    return from_failure(decode(data, type=Failure))


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def opened() -> OSError:
    try:
        Path("/nowhere/at/all").open().close()
    except OSError as error:
        return error
    raise AssertionError


def imported() -> ImportError:
    return ImportError("no such module", name="cake", path="/cake.py")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("bad", 5),
        ValueError(),
        KeyError("k"),
        KeyError(("a", 1)),
        ZeroDivisionError("x", {1, 2}),
        opened(),
        ConnectionResetError(104, "reset"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "odd"),
        SyntaxError("bad", ("file.py", 1, 2, "x = ", 1, 3)),
        imported(),
        StopAsyncIteration("x"),
        TimeoutError("late"),
        errors.FatalError("no"),
        StepTimeout("app:charge", 1500, silent=True),
        RunCancelled("wrun_1", None),
        RetryableError("again", retry_after="1m"),
        RemoteError("app:Gone", "text", "Traceback"),
        Declined(402, reason="poor"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_known_exception_comes_back_as_itself(error: BaseException) -> None:
    back = through_the_log(raised(error))
    assert type(back) is type(error)
    assert back.args == error.args
    assert str(back) == str(error)
    assert vars(back) == vars(error)


def test_what_built_in_exceptions_keep_elsewhere() -> None:
    missing = through_the_log(opened())
    assert isinstance(missing, FileNotFoundError)
    assert (missing.errno, missing.filename, missing.filename2) == (2, "/nowhere/at/all", None)
    absent = through_the_log(imported())
    assert isinstance(absent, ImportError)
    assert (absent.name, absent.path) == ("cake", "/cake.py")
    exit_ = from_failure(to_failure(SystemExit(3)), control_flow=True)
    assert isinstance(exit_, SystemExit)
    assert exit_.code == 3


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError, StopIteration])
def test_what_would_end_more_than_a_body_comes_back_as_remote(kind: type[BaseException]) -> None:
    back = through_the_log(kind("x"))
    assert isinstance(back, RemoteError)
    assert back.type_name == f"{kind.__module__}:{kind.__qualname__}"
    assert back.message == "x"


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError])
def test_unless_it_is_asked_for(kind: type[BaseException]) -> None:
    back = from_failure(to_failure(kind("x")), control_flow=True)
    assert type(back) is kind
    assert back.args == ("x",)


def test_an_unknown_exception_comes_back_as_remote() -> None:
    class Local(Exception):
        pass

    back = through_the_log(raised(Local("what", 5)))
    assert isinstance(back, RemoteError)
    assert str(back) == f"{Local.__module__}:{Local.__qualname__}: ('what', 5)"
    assert back.traceback is not None
    assert back.traceback.startswith("Traceback (most recent call last):\n")
    assert back.traceback.endswith("Local: ('what', 5)")


@pytest.mark.parametrize("name", ["subprocess:Popen", "tests.codec.samples:Line", "builtins:print", "", ":"])
def test_a_name_that_is_no_known_exception(name: str) -> None:
    assert isinstance(from_failure(Failure(type=name, message="x")), RemoteError)


def test_a_registered_exception_comes_back_as_itself() -> None:
    class Registered(Exception):
        pass

    trust.register(Registered, name="shop/registered")
    assert to_failure(Registered()).type == "shop/registered"
    assert type(through_the_log(Registered("x"))) is Registered


def test_no_code_of_the_class_runs_on_the_way_back() -> None:
    ran: list[str] = []

    class Watched(OSError):
        def __new__(cls, *args: Any) -> "Watched":
            ran.append("new")
            return super().__new__(cls, *args)

        def __init__(self, *args: Any) -> None:
            ran.append("init")
            super().__init__(*args)

        def __setattr__(self, name: str, value: object) -> None:
            ran.append(name)

        def add_note(self, note: str) -> None:
            ran.append("note")

    trust.register(Watched)
    error = Watched(2, "text", "file")
    vars(error).update(colour="red", __notes__=["n"])
    failure = to_failure(error)
    ran.clear()
    back = from_failure(failure)
    assert ran == []
    assert isinstance(back, Watched)
    assert (back.args, back.errno, back.filename) == ((2, "text"), 2, "file")
    assert vars(back) == {"colour": "red", "__notes__": ["n"]}


def test_notes_and_causes_come_back() -> None:
    inner, outer = KeyError("inner"), ValueError("outer")
    outer.__cause__ = inner
    inner.add_note("of the inner")
    outer.add_note("one")
    outer.add_note("two")
    back = through_the_log(outer)
    assert back.__notes__ == ["one", "two"]
    assert isinstance(back.__cause__, KeyError)
    assert back.__cause__.__notes__ == ["of the inner"]
    assert back.__suppress_context__


def test_a_cause_that_causes_itself_ends() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    depth, error = 0, through_the_log(one)
    while error.__cause__ is not None:
        depth, error = depth + 1, error.__cause__
    assert depth == 16


def test_groups_come_back_with_their_parts() -> None:
    group = ExceptionGroup("all", [ValueError(1), ExceptionGroup("some", [KeyError("k"), Declined(1, reason="r")])])
    back = through_the_log(group)
    assert isinstance(back, ExceptionGroup)
    assert back.message == "all"
    assert [type(part) for part in back.exceptions] == [ValueError, ExceptionGroup]
    assert back.subgroup(KeyError) is not None
    assert str(back) == str(group)


def test_a_group_of_control_flow_becomes_an_ordinary_one() -> None:
    back = through_the_log(BaseExceptionGroup("all", [KeyboardInterrupt(), ValueError(1)]))
    assert type(back) is ExceptionGroup
    assert [type(part) for part in back.exceptions] == [RemoteError, ValueError]


def test_a_group_is_cut_where_it_is_too_large() -> None:
    failure = to_failure(ExceptionGroup("all", [ValueError(str(n)) for n in range(20_000)]))
    assert 1_000 < len(failure.parts) < 20_000
    assert failure.notes == (f"{20_000 - len(failure.parts)} more exceptions of this group are not kept",)
    assert len(encode(failure)) < 2 * 2**20


def test_what_can_be_encoded_of_an_exception_is_kept() -> None:
    error = Declined(402, reason="poor")
    error.args = (object(),)
    vars(error).update(connection=open, line=Line("a"))
    back = through_the_log(error)
    assert isinstance(back, Declined)
    assert back.args == (str(error),)
    assert vars(back) == {"code": 402, "reason": "poor", "line": Line("a")}


@pytest.mark.parametrize("error", [Hostile("x"), Hostile()])
def test_an_exception_whose_text_raises(error: Hostile) -> None:
    failure = to_failure(raised(error))
    assert failure.message == "(no message: its __str__ raised ValueError)"
    assert type(from_failure(failure)) is Hostile


def test_an_exception_whose_text_ends_the_process() -> None:
    class Worse(Exception):
        def __str__(self) -> str:
            raise SystemExit

    assert to_failure(Worse()).message == "(no message: its __str__ raised SystemExit)"


def test_an_exception_that_cannot_even_be_read() -> None:
    class Worst(Exception):
        @property
        def args(self) -> Any:
            raise KeyboardInterrupt

    failure = to_failure(Worst())
    assert failure.message == "(it can't be recorded: reading it raised KeyboardInterrupt)"
    assert isinstance(through_the_log(Worst()), RemoteError)


def test_an_exception_of_any_size() -> None:
    failure = to_failure(ValueError("x" * 20_000_000, "y" * 20_000_000))
    assert failure.message.endswith("more characters)")
    assert len(encode(failure)) < 100_000
    assert isinstance(from_failure(failure), ValueError)


def test_texts_that_json_cannot_hold() -> None:
    error = ValueError("a\ud800\0")
    error.add_note("\udfff")
    back = through_the_log(error)
    assert back.args == ("a\ud800\0",)
    assert to_failure(error).message == "a\\ud800\0"
    assert back.__notes__ == ["\\udfff"]


def test_an_exception_that_holds_itself() -> None:
    error = ValueError()
    error.args = (error, error)
    error.__cause__ = error
    assert isinstance(through_the_log(error), ValueError)


def test_notes_that_are_no_notes() -> None:
    error = ValueError("x")
    vars(error)["__notes__"] = 5
    assert to_failure(error).notes == ()


@given(st.binary() | st.recursive(st.none() | st.text(max_size=2), lambda i: st.dictionaries(
    st.sampled_from(["args", "fields", "$", "v"]), i) | st.lists(i)).map(encode))  # fmt: skip
def test_a_broken_state_leaves_the_type_and_the_message(state: bytes) -> None:
    for name in ("builtins:ValueError", "builtins:OSError", "builtins:UnicodeDecodeError", "builtins:ExceptionGroup"):
        back = from_failure(Failure(type=name, message="text", state=state))  # pyright: ignore[reportArgumentType]
        assert isinstance(back, ValueError | OSError | RemoteError)
