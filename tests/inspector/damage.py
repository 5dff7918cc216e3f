"""A world in which something has gone wrong: an event's payload is no longer what was written."""

import apsw

from tests.cli.shop import Shop

RAW = b'{"result": \xff"half'


def spoil(shop: Shop, run: str, type: str, payload: bytes = RAW) -> None:
    """Replace the payloads of a run's events of this type."""
    connection = apsw.Connection(str(shop.file))
    connection.execute("UPDATE events SET payload = ? WHERE run_id = ? AND type = ?", (payload, shop.runs[run], type))
    assert connection.changes()
    connection.close()
