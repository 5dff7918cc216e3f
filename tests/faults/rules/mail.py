"""M: what takes the rules of mail out."""

from typing import Any

from msgspec.structs import replace

from perdure.engine.mailbox import Mailbox
from perdure.world import Append, Letter, Refusal, Send, Sent
from perdure.worlds.memory import commit as writing
from perdure.worlds.memory.state import Draft, Kept
from tests.faults.rules.patching import Patching, patch, several


def uncounted() -> Patching:
    """M1: a letter lies in the inbox, and the run's row doesn't say so."""
    strict = writing._send

    def send(draft: Draft, send: Send) -> Any:
        outcome, kept = strict(draft, send), draft.runs.get(send.letter.run_id)
        if kept is not None:
            draft.runs[send.letter.run_id] = replace(kept, record=replace(kept.record, mail=0))
        return outcome

    return patch.object(writing, "_send", send)


def for_the_dead() -> Patching:
    """M1: letters are accepted for runs that have ended."""
    return patch.object(writing, "ENDED", frozenset())


def left_behind() -> Patching:
    """M2: an end is not refused while mail waits."""
    strict = writing._refusal

    def refusal(kept: Kept, append: Append, now_ms: int) -> Refusal | None:
        found = strict(kept, append, now_ms)
        return None if found is Refusal.MAIL and not append.release else found

    return patch.object(writing, "_refusal", refusal)


def taken_twice() -> Patching:
    """M3: a second try is looked for in the inbox alone, and the owner takes what its log has."""
    return several(
        patch.object(Kept, "knows", lambda kept, mail_id: any(letter.mail_id == mail_id for letter in kept.inbox)),
        patch.object(Kept, "logged", lambda kept, mail_id: False),
        patch("perdure.engine.mailbox.Mailbox.fresh", lambda mailbox, letters: list(letters)),
    )


def handed_over_anyhow() -> Patching:
    """M3: a run gets what its own process has sent, though a reading has brought it, or is about to."""

    def hand(mailbox: Mailbox, letter: Letter, readings: int) -> bool:
        mailbox._run.mail_came([letter], own=True)
        return True

    return patch.object(Mailbox, "hand", hand)


def out_of_turn() -> Patching:
    """M1: a letter that the owner's own process sends overtakes those that wait."""
    strict = writing._send

    def send(draft: Draft, send: Send) -> Any:
        outcome = strict(draft, send)
        return Sent(mail=1) if isinstance(outcome, Sent) and outcome.mail else outcome

    return patch.object(writing, "_send", send)
