"""A reader who isn't the system that wrote, and so finds only what is committed."""

import contextlib

import apsw
import psycopg

from benchmarks.place import path_of, store_of


def stored(place: str, query: str) -> list[tuple[object, ...]]:
    if store_of(place) == "sqlite":
        with contextlib.closing(apsw.Connection(str(path_of(place)))) as file:
            return list(file.execute(query))
    with psycopg.connect(place) as database:
        return database.execute(query).fetchall()  # type: ignore[arg-type]
