from perdure.codec import exception
from perdure.codec.value import decode, encode
from perdure.errors import RemoteError
from tests.codec.samples import Declined


def part(value: object) -> bytes:
    return encode(value, "part")


def test_only_people_get_tracebacks_and_notes() -> None:
    try:
        raise ValueError("x")
    except ValueError as error:
        error.add_note("note")
        shown = exception.write(error, part, for_people=True)
        compared = exception.write(error, part, for_people=False)
    assert (shown.notes, compared.notes) == (("note",), ())
    assert shown.traceback is not None
    assert shown.traceback.splitlines()[-1] == "ValueError: x"
    assert __file__ in shown.traceback
    assert compared.traceback is None


def test_an_exception_that_was_raised_is_the_same_value_as_before() -> None:
    error = ValueError("x")
    before = encode(error, "x")
    try:
        raise error
    except ValueError:
        assert encode(error, "x") == before


def test_an_annotation_vouches_for_an_exception() -> None:
    class Local(Declined):
        pass

    failure = exception.write(Local(1, reason="r"), part, for_people=False)
    assert isinstance(exception.read(failure, decode), RemoteError)
    assert type(exception.read(failure, decode, vouched=Declined)) is Local
    assert isinstance(exception.read(failure, decode, vouched=KeyError), RemoteError)
    assert type(decode(encode([Local(1, reason="r")], "x"), list[Declined])[0]) is Local
