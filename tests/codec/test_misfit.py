import pytest

from perdure.codec import misfit
from perdure.codec.misfit import Misfit
from tests.codec.samples import Hostile


def test_a_path_reads_as_python() -> None:
    error = Misfit("odd").within(misfit.index(0)).within(misfit.key("rows")).within(misfit.field("page"))
    assert error.path("result") == 'result.page["rows"][0]'
    assert Misfit("odd").path("result") == "result"


@pytest.mark.parametrize(
    ("value", "segment"),
    [
        ('a"b', '["a\\"b"]'),
        ("ü", '["ü"]'),
        ("\ud800", "[<str>]"),
        ((1, 2), "[(1, 2)]"),
        (Hostile(), "[<Hostile>]"),
        ("a" * 50, '["' + "a" * 39 + "…]"),
    ],
)
def test_a_key(value: object, segment: str) -> None:
    assert misfit.key(value) == segment


def test_a_long_path_is_cut_in_its_middle() -> None:
    error = Misfit("odd")
    for position in range(16):
        error.within(misfit.index(position))
    assert error.path("x") == "x[15][14][13][12][11][10][9][8][7][6][5][4]…[2][1][0]"


def test_a_trail_is_cut_at_the_first_value_that_lies_in_itself() -> None:
    outer: list[object] = []
    inner = [outer]
    error = Misfit("deep")
    for _ in range(3):
        error.within("[0]", inner).within("[1]", outer)
    assert error.cut_at_cycle()
    assert error.path("x") == "x[1][0]"
    assert not Misfit("deep").within("[0]", inner).within("[1]", outer).cut_at_cycle()
