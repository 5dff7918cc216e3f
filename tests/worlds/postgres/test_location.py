"""What a URL says, what is refused, and that no password is shown."""

import pytest

from perdure.errors import WorldInvalid
from perdure.worlds.postgres.location import location_of


def test_what_is_left_out() -> None:
    location = location_of("postgresql://me:secret@db.example:5433/app")
    assert location.shown == "postgresql://me:***@db.example:5433/app"
    assert location.dsn == "postgresql://me:secret@db.example:5433/app"
    assert (location.schema, location.migrate, location.listen) == ("perdure", False, True)
    assert (location.connections, location.connect_s, location.command_s) == (5, 10, 60)


def test_what_is_ours_and_what_is_the_drivers() -> None:
    location = location_of(
        "postgres://me@/app?host=/run/pg&schema=app_1&migrate=1&listen=0&connections=2&sslmode=disable"
        "&connect_timeout=2.5&command_timeout=7&application_name=a%20b"
    )
    assert location.dsn == "postgres://me@/app?host=%2Frun%2Fpg&sslmode=disable&application_name=a%20b" or (
        location.dsn == "postgres://me@/app?host=/run/pg&sslmode=disable&application_name=a%20b"
    )
    assert (location.schema, location.migrate, location.listen, location.connections) == ("app_1", True, False, 2)
    assert (location.connect_s, location.command_s) == (2.5, 7)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgresql:/h/d", "write postgresql://user:password@host:5432/database?schema=name"),
        ("postgresql://me:secret@h", "it names no database"),
        ("postgresql://me:secret@h/", "it names no database"),
        ("postgresql://me:secret@h/d?schema=Shop", "schema='Shop' can't name a schema"),
        ("postgresql://me:secret@h/d?schema=", "schema='' can't name a schema"),
        ("postgresql://me:secret@h/d?schema=a;drop", "schema='a;drop' can't name a schema"),
        ('postgresql://me:secret@h/d?schema=a"b', "can't name a schema"),
        ("postgresql://me:secret@h/d?schema=pg_x", "can't name a schema"),
        ("postgresql://me:secret@h/d?schema=information_schema", "can't name a schema"),
        (f"postgresql://me:secret@h/d?schema={'a' * 64}", "can't name a schema"),
        ("postgresql://me:secret@h/d?migrate=yes", "migrate='yes' is neither 0 nor 1"),
        ("postgresql://me:secret@h/d?connections=0", "connections='0' is no number from 1 to 1000"),
        ("postgresql://me:secret@h/d?connections=many", "is no number"),
        ("postgresql://me:secret@h/d?command_timeout=-1", "is no number"),
        ("postgresql://me:secret@h/d?shema=a", "its parameter 'shema' is unknown; there are application_name"),
        ("postgresql://me:secret@h/d?schema=a&schema=b", "there twice"),
        ("postgresql://me:secret@h/d?schema", "it is no URL"),
        ("postgresql://me:secret@[h/d", "it is no URL"),
    ],
)
def test_refused(url: str, sentence: str) -> None:
    with pytest.raises(WorldInvalid) as caught:
        location_of(url)
    assert sentence in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@h/d",
        "postgresql://me:se%40secret@h/d",
        "postgresql://h/d?user=me&password=secret",
        "postgresql://h/d?schema=a&sslpassword=secret&user=me",
        "postgresql://me:secret:secret@h1,h2/d",
    ],
)
def test_secrets_are_not_shown(url: str) -> None:
    location = location_of(url)
    assert "secret" not in location.shown
    assert "***" in location.shown
    assert "secret" in location.dsn
