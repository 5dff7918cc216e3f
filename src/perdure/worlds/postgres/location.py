"""Where the database is: a URL taken apart into what a driver is told, what is ours, and what may be shown."""

import re
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from msgspec import Struct

from perdure.errors import WorldInvalid

DEFAULT_SCHEMA = "perdure"
HOW = "write postgresql://user:password@host:5432/database?schema=name"

_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_RESERVED = re.compile(r"pg_.*|information_schema")

DRIVERS = frozenset(
    (
        "host", "port", "user", "password", "passfile", "sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl",
        "sslpassword", "sslnegotiation", "target_session_attrs", "krbsrvname", "gsslib", "application_name",
    )
)  # fmt: skip
"""Parameters that are passed on to asyncpg, which knows them from libpq."""

OURS = frozenset(("schema", "migrate", "listen", "connections", "connect_timeout", "command_timeout"))
_SECRET = frozenset(("password", "sslpassword"))


class Location(Struct, frozen=True, kw_only=True):
    """`shown` is the URL without its password; `dsn` is for the driver alone.

    `migrate`: bring the schema up to date when it is opened. `listen`: ask to be told of other processes' writes.
    `connections`: at most so many for each event loop. Times in seconds.
    """

    shown: str
    dsn: str
    schema: str
    migrate: bool
    listen: bool
    connections: int
    connect_s: float
    command_s: float

    @property
    def has_certificates(self) -> bool:
        """Whether it names files of them."""
        return any(f"{name}=" in self.dsn for name in ("sslcert", "sslkey", "sslrootcert", "sslcrl"))


def location_of(url: str) -> Location:
    """Raises: WorldInvalid, without the password in it."""
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise WorldInvalid(url.partition(":")[0] + "://…", f"it is no URL: {HOW}") from None
    shown = _shown(url, parts.netloc, parts.query, pairs)
    if parts.scheme not in ("postgresql", "postgres") or not url.startswith(f"{parts.scheme}://"):
        raise WorldInvalid(shown, HOW)
    if not parts.path.strip("/"):
        raise WorldInvalid(shown, f"it names no database: {HOW}")
    given = dict(pairs)
    if len(given) < len(pairs):
        raise WorldInvalid(shown, "one of its parameters is there twice")
    for name in given:
        if name not in OURS and name not in DRIVERS:
            known = ", ".join(sorted(OURS | DRIVERS))
            raise WorldInvalid(shown, f"its parameter {name!r} is unknown; there are {known}")
    query = urlencode({name: value for name, value in given.items() if name in DRIVERS}, quote_via=quote)
    return Location(
        shown=shown,
        dsn=parts._replace(query=query, fragment="").geturl(),
        schema=_schema(shown, given.get("schema", DEFAULT_SCHEMA)),
        migrate=_flag(shown, given, "migrate", default=False),
        listen=_flag(shown, given, "listen", default=True),
        connections=int(_number(shown, given, "connections", 5, 1, 1000)),
        connect_s=_number(shown, given, "connect_timeout", 10, 0.1, 3600),
        command_s=_number(shown, given, "command_timeout", 60, 0.1, 3600),
    )


def _schema(shown: str, name: str) -> str:
    if not _SCHEMA.fullmatch(name) or _RESERVED.fullmatch(name):
        raise WorldInvalid(
            shown,
            f"schema={name!r} can't name a schema: give up to 63 lower-case letters, digits and _, "
            "beginning with a letter, and not with pg_",
        )
    return name


def _flag(shown: str, given: dict[str, str], name: str, *, default: bool) -> bool:
    value = given.get(name, "1" if default else "0")
    if value not in ("0", "1"):
        raise WorldInvalid(shown, f"{name}={value!r} is neither 0 nor 1")
    return value == "1"


def _number(shown: str, given: dict[str, str], name: str, default: float, least: float, most: float) -> float:
    value = given.get(name)
    if value is None:
        return default
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,3})?", value) or not least <= float(value) <= most:
        raise WorldInvalid(shown, f"{name}={value!r} is no number from {least:g} to {most:g}")
    return float(value)


def _shown(url: str, place: str, query: str, pairs: list[tuple[str, str]]) -> str:
    """Without secrets; everything else as it was written."""
    user, at, host = place.rpartition("@")
    if ":" in user:
        url = url.replace(place, f"{user.partition(':')[0]}:***{at}{host}", 1)
    if _SECRET.isdisjoint(name for name, _ in pairs):
        return url
    told = "&".join(f"{name}={'***' if name in _SECRET else quote(value, safe='/:')}" for name, value in pairs)
    return url.replace(query, told, 1)
