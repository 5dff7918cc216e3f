from perdure.testing.conformance import VirtualClock


def test_the_clock_goes_where_it_is_told() -> None:
    clock = VirtualClock(1000)
    assert (clock(), clock()) == (1000, 1000)
    clock.advance(500)
    clock.advance(-1)
    assert clock() == 1499
