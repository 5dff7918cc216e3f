"""What both kinds of store do before their witness is asked; and what it must have seen."""

from perdure.testing.conformance.sample import ONE, TWO, append_to, born, do, letter_to, row, run_id, start_of
from perdure.testing.history.witness import Witnessed
from perdure.world import Appended, Send, World


async def act(world: World) -> None:
    """A run with letters, one of which becomes an event; one that is cancelled before anybody has it."""
    await born(world, 1)
    await do(world, start_of(2, wake_at_ms=world.now_ms() + 60_000))
    await world.commit([Send(letter=letter_to(1, mail)) for mail in ("mail_b", "mail_a", "mail_b")])
    await do(world, Send(letter=letter_to(2, "mail_c", kind="cancel_requested")))
    taken = append_to(1, rows=(row("wake_requested", mail_id="mail_b"),), mail_taken=("mail_b",))
    assert isinstance(await do(world, taken), Appended)
    await do(world, Send(letter=letter_to(1, "mail_b")))  # it has had it
    await do(world, Send(letter=letter_to(1, "mail_d", kind="cancel_requested")))
    assert await world.reclaim(ONE, run_id(1), 1)


def saw_it(seen: Witnessed, now_ms: int) -> None:
    watched = seen.watched
    assert {run: [letter.mail_id for letter in letters] for run, letters in watched.accepted.items()} == {
        run_id(1): ["mail_b", "mail_a", "mail_d"],
        run_id(2): ["mail_c"],
    }
    assert watched.early == {run_id(2)}
    assert (watched.unowned, watched.born_dead) == ([], [])
    [(claimed, [(claimed_ms, epoch)])] = seen.claims.items()
    assert epoch == 2
    assert (claimed, abs(claimed_ms - now_ms) < 60_000) == (run_id(1), True)
    [[(at_ms, until_ms)]] = seen.leases.values()
    assert seen.is_live(ONE, now_ms)
    assert until_ms - at_ms > 5000
    assert not seen.is_live(TWO, now_ms)
