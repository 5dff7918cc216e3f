"""Times, durations and sizes as a person reads them in a table: short, local, and the same width more or less."""

from datetime import datetime

from perdure.model.duration import UNITS, in_one_unit


def clock(at: datetime, now: datetime) -> str:
    """The local time: of today without the date, of this year without the year."""
    local, today = at.astimezone(), now.astimezone()
    if local.date() == today.date():
        return local.strftime("%H:%M:%S")
    return local.strftime("%b %d %H:%M" if local.year == today.year else "%Y-%m-%d")


def instant(at: datetime, now: datetime) -> str:
    """The local time to the millisecond: of today without the date."""
    local = at.astimezone()
    day = "" if local.date() == now.astimezone().date() else local.strftime("%Y-%m-%d ")
    return f"{day}{local:%H:%M:%S}.{local.microsecond // 1000:03}"


def iso(at: datetime) -> str:
    """ISO 8601 as in JSON; for programs."""
    return at.isoformat().replace("+00:00", "Z")


def age(at: datetime, now: datetime) -> str:
    """How long ago in one unit, `3 min`; what is still to come, `in 3 min`."""
    past_ms = round((now - at).total_seconds() * 1000)
    return in_one_unit(past_ms) if past_ms >= 0 else f"in {in_one_unit(-past_ms)}"


def span(duration_ms: int) -> str:
    """A duration in at most two units: `12 ms`, `1.2 s`, `42 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`."""
    if duration_ms < 1000:
        return f"{duration_ms} ms"
    if duration_ms < 9950:
        return f"{duration_ms / 1000:.1f} s"
    seconds_ms = (duration_ms + 500) // 1000 * 1000
    place = next(place for place, (unit_ms, _) in enumerate(UNITS) if seconds_ms >= unit_ms)
    unit_ms, name = UNITS[place]
    whole, rest_ms = divmod(seconds_ms, unit_ms)
    if place + 1 < len(UNITS):
        below_ms, below = UNITS[place + 1]
        if rest_ms >= below_ms:
            return f"{whole} {name} {rest_ms // below_ms} {below}"
    return f"{whole} {name}"


def size(count: int) -> str:
    """Bytes: `512 B`, `1.4 MiB`."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def counted(count: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
