"""Letters: into an inbox, where the run is alive and hasn't had them."""

from collections.abc import Iterable

from perdure.model.ids import MailId, RunId
from perdure.model.status import ENDED
from perdure.world import Letter, Refusal, Refused, Send, Sent
from perdure.worlds.sqlite import hook
from perdure.worlds.sqlite.connection import Connection
from perdure.worlds.sqlite.transaction import Transaction

_KNOWS = """
    EXISTS (SELECT 1 FROM inbox WHERE run_id = ?1 AND mail_id = ?2)
    OR EXISTS (SELECT 1 FROM events WHERE run_id = ?1 AND mail_id = ?2)
"""


def send(transaction: Transaction, send: Send) -> Sent | Refused:
    transaction.flush()
    connection, letter = transaction.connection, send.letter
    found = connection.execute(
        f"SELECT status, owner, mail, {_KNOWS} FROM runs WHERE run_id = ?1", (letter.run_id, letter.mail_id)
    ).fetchall()
    if not found:
        return Refused(refusal=Refusal.UNKNOWN)
    [[status, owner, mail, known]] = found
    if known:
        return Sent()
    if status in ENDED:
        return Refused(refusal=Refusal.ENDED)
    if send.hook is not None and not hook.takes(transaction, letter.run_id, send.hook):
        return Refused(refusal=Refusal.HOOK)
    connection.execute(
        "INSERT INTO inbox (run_id, mail_id, kind, key, payload) VALUES (?, ?, ?, ?, ?)",
        (letter.run_id, letter.mail_id, letter.kind, letter.key, letter.payload),
    )
    connection.execute("UPDATE runs SET mail = mail + 1 WHERE run_id = ?", (letter.run_id,))
    owned = owner is not None and owner == send.owner
    transaction.stirs = transaction.stirs or not owned
    return Sent(mail=mail + 1 if owned else 0)


def waiting(transaction: Transaction, run_id: RunId, wanted: Iterable[str]) -> list[str]:
    """Which of `wanted` are in the inbox."""
    known = set(wanted)
    rows = transaction.connection.execute("SELECT mail_id FROM inbox WHERE run_id = ?", (run_id,)).fetchall()
    return [mail_id for (mail_id,) in rows if mail_id in known]


def remove(transaction: Transaction, run_id: RunId, letters: Iterable[str]) -> None:
    """Out of the inbox; the column that counts them is the caller's."""
    transaction.connection.executemany(
        "DELETE FROM inbox WHERE run_id = ? AND mail_id = ?", [(run_id, mail_id) for mail_id in letters]
    )


def read_mail(connection: Connection, run_id: RunId) -> tuple[Letter, ...]:
    rows = connection.execute(
        "SELECT mail_id, kind, key, payload FROM inbox WHERE run_id = ? ORDER BY seq", (run_id,)
    ).fetchall()
    return tuple(
        Letter(mail_id=mail_id, run_id=run_id, kind=kind, key=key, payload=payload)
        for mail_id, kind, key, payload in rows
    )


def has_mail(connection: Connection, run_id: RunId, mail_id: MailId) -> bool:
    [[known]] = connection.execute(f"SELECT {_KNOWS}", (run_id, mail_id)).fetchall()
    return bool(known)
