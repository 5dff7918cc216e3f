"""Where stores are, how large they are, and that they come and go."""

import psycopg
import pytest

from benchmarks.place import create, drop_all, path_of, server_cpu_s, sibling, size_bytes, store_of
from tests.benchmarks.reader import stored


def test_a_place_tells_its_store() -> None:
    assert store_of("sqlite:////folder/store.db") == "sqlite"
    assert store_of("postgresql://postgres:@/store?host=/folder") == "postgres"
    assert str(path_of("sqlite:////folder/store.db")) == "/folder/store.db"


def test_a_sibling_is_in_the_same_folder_or_on_the_same_server() -> None:
    assert sibling("sqlite:////folder/store.db", "x") == "sqlite:////folder/x.db"
    assert sibling("postgresql://a:b@c/store?host=/folder", "x") == "postgresql://a:b@c/x?host=/folder"


def test_databases_come_and_go(postgres: str) -> None:
    other = sibling(postgres, "other")
    create(other)
    assert stored(other, "select current_database()") == [("other",)]
    drop_all(postgres)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        stored(other, "select 1")
    assert stored(sibling(postgres, "postgres"), "select count(*) from pg_database where datname = 'store'") == [(0,)]


def test_a_file_is_as_large_as_its_pages_the_log_included_the_free_ones_not(sqlite: str) -> None:
    stored(sqlite, "pragma journal_mode = wal")
    stored(sqlite, "create table filler (bytes blob)")
    small = size_bytes(sqlite)
    stored(sqlite, "insert into filler values (zeroblob(1000000))")
    assert 900_000 < size_bytes(sqlite) - small < 1_100_000
    stored(sqlite, "delete from filler")
    assert size_bytes(sqlite) - small < 100_000


def test_a_database_is_as_large_as_all_that_it_has(postgres: str) -> None:
    with psycopg.connect(postgres) as connection:
        connection.execute("create table filler as select g, repeat('x', 1000) from generate_series(1, 1000) as g")
        connection.commit()
        connection.execute("drop table filler")
        assert 1_000_000 < -_growth(connection, postgres) < 2_000_000


def _growth(connection: psycopg.Connection, place: str) -> int:
    before = size_bytes(place)
    connection.commit()
    return size_bytes(place) - before


def test_the_servers_processor_time_is_that_of_its_children(postgres: str) -> None:
    before_s = server_cpu_s(postgres)
    with psycopg.connect(postgres) as connection:
        connection.execute("select count(*) from generate_series(1, 1000000)")
        assert server_cpu_s(postgres) - before_s > 0.02
    assert server_cpu_s(postgres) - before_s > 0.02


def test_a_file_has_no_server(sqlite: str) -> None:
    assert server_cpu_s(sqlite) == 0
