"""Letters: what a commit is told of them, and what is known of an inbox."""

from typing import Any

from perdure.model.ids import MailId, RunId
from perdure.world import Letter, Send
from perdure.worlds.postgres.data import Data
from perdure.worlds.postgres.store import Store
from perdure.worlds.postgres.text import read, write

_READ = "SELECT mail_id, kind, key, payload FROM perdure.inbox WHERE run_id = $1::text ORDER BY seq"
_KNOWS = """
    SELECT EXISTS (SELECT 1 FROM perdure.inbox WHERE run_id = $1::text AND mail_id = $2::text)
        OR EXISTS (SELECT 1 FROM perdure.events WHERE run_id = $1::text AND mail_id = $2::text)
"""


def letter_words(letter: Letter, data: Data) -> dict[str, Any]:
    return {
        "run": write(letter.run_id),
        "mail": write(letter.mail_id),
        "kind": write(letter.kind),
        "key": write(letter.key),
        "payload": data.put(letter.payload),
    }


def send_words(send: Send, data: Data) -> dict[str, Any]:
    words = letter_words(send.letter, data)
    if send.hook is not None:
        words["hook"] = write(send.hook)
    if send.owner is not None:
        words["owner"] = write(send.owner)
    return words


async def read_mail(store: Store, run_id: RunId) -> tuple[Letter, ...]:
    return tuple(
        Letter(mail_id=MailId(read(mail_id)), run_id=run_id, kind=read(kind), key=read(key), payload=payload)
        for mail_id, kind, key, payload in await store.fetch(_READ, write(run_id))
    )


async def has_mail(store: Store, run_id: RunId, mail_id: MailId) -> bool:
    [[known]] = await store.fetch(_KNOWS, write(run_id), write(mail_id))
    return known
