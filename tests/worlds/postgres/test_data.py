from perdure.worlds.postgres.data import Data


def test_places_count_from_one() -> None:
    data = Data()
    assert (data.put(b"a"), data.put_all([b"b", b"c"]), data.put_all([]), data.put(b"d")) == (1, 2, 4, 4)
    assert data.values == [b"a", b"b", b"c", b"d"]
