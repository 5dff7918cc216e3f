"""Where a store is: the URL of a SQLite file, `sqlite:////folder/store.db`, or of a database of the run's own server."""

import subprocess
import sys
from pathlib import Path
from typing import LiteralString
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from benchmarks.process import tree_cpu_s
from benchmarks.workload import Store

COUNT_PAGES = """
import apsw, sys
pragma = lambda name: apsw.Connection(sys.argv[1]).execute(f"pragma {name}").get
print((pragma("page_count") - pragma("freelist_count")) * pragma("page_size"))
"""
MADE_HERE = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'"


def store_of(place: str) -> Store:
    return "sqlite" if place.startswith("sqlite:") else "postgres"


def path_of(place: str) -> Path:
    """The file of a SQLite store."""
    return Path(place.removeprefix("sqlite:///"))


def sibling(place: str, name: str) -> str:
    """Another place in the same folder, or on the same server."""
    if store_of(place) == "sqlite":
        return f"sqlite:///{path_of(place).parent / name}.db"
    return urlsplit(place)._replace(path=f"/{name}").geturl()


def create(place: str) -> None:
    """An empty database; a file is made by whoever opens it first. Checkpoints: else one would come while it measures."""
    if store_of(place) == "postgres":
        with psycopg.connect(sibling(place, "postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(urlsplit(place).path[1:])))
            connection.execute("CHECKPOINT")


def drop_all(place: str) -> None:
    """All databases that were made on the server of that place. Files go with their folder."""
    if store_of(place) == "postgres":
        with psycopg.connect(sibling(place, "postgres"), autocommit=True) as connection:
            for (name,) in connection.execute(MADE_HERE).fetchall():
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def size_bytes(place: str) -> int:
    """Of a file the pages, once its log is checkpointed, less those that are free; of a database all that it has.

    SQLite is asked in a process of its own: a second SQLite library in one process drops the first one's file locks.
    """
    if store_of(place) == "sqlite":
        command = [sys.executable, "-c", COUNT_PAGES, str(path_of(place))]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    with psycopg.connect(place) as connection:
        return int(value(connection, "pg_database_size(current_database())"))


def server_cpu_s(place: str) -> float:
    """The processor time that the server has had so far, in all its processes; 0 for a file, which has none."""
    if store_of(place) == "sqlite":
        return 0.0
    with psycopg.connect(place) as connection:
        folder = Path(value(connection, "current_setting('data_directory')"))
    return tree_cpu_s(int((folder / "postmaster.pid").read_text().splitlines()[0]))


def value(connection: psycopg.Connection, expression: LiteralString) -> str:
    [(found,)] = connection.execute(sql.SQL("SELECT {}::text").format(sql.SQL(expression))).fetchall()
    return found
