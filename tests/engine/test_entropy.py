"""Ids and chance: unpredictable, or (seeded) repeatable."""

from perdure.engine.entropy import Entropy, seeded
from perdure.model.ids import is_run_id


def drawn(entropy: Entropy) -> list[object]:
    return [entropy.run_id(1), entropy.worker_id(1), entropy.mail_id(1), entropy.chance(), entropy.run_id(2)]


def test_a_seed_repeats_itself() -> None:
    assert drawn(seeded(1)) == drawn(seeded(1))
    assert set(drawn(seeded(1))).isdisjoint(drawn(seeded(2)))


def test_without_a_seed_nothing_repeats() -> None:
    assert set(drawn(Entropy())).isdisjoint(drawn(Entropy()))


def test_ids_say_what_they_are_of() -> None:
    entropy = Entropy(bytes)
    assert entropy.run_id(1) == "wrun_" + 9 * "0" + "1" + 16 * "0"
    assert entropy.worker_id(0) == "wrkr_" + 26 * "0"
    assert entropy.mail_id(1) == "mail_" + 9 * "0" + "1" + 16 * "0"
    assert is_run_id(Entropy().run_id(1_700_000_000_000))


def test_a_token_never_looks_like_an_option() -> None:
    assert Entropy(lambda count: b"\xfb\xff" * (count // 2)).token() == "___7__v_" + 3 * "-__7__v_"
    assert Entropy(lambda count: b"\xff" * count).token() == 32 * "_"
    assert len({Entropy().token() for _ in range(100)}) == 100


def test_run_ids_of_one_process_sort_in_the_order_of_their_making() -> None:
    entropy = seeded(1)
    made = [entropy.run_id(ms) for ms in (5, 5, 5, 6, 6)]
    assert sorted(made) == made
    assert len(set(made)) == 5


def test_within_a_millisecond_they_count_up_and_need_no_more_chance() -> None:
    drawn: list[int] = []

    def random_bytes(count: int) -> bytes:
        drawn.append(count)
        return b"\xff" * (count - 1) + b"\xfe"

    entropy = Entropy(random_bytes)
    assert [entropy.run_id(1)[-2:] for _ in range(2)] == ["ZY", "ZZ"]
    assert len(drawn) == 1
    assert entropy.run_id(1)[-2:] == "ZY", "there is none above: another draw"
    assert len(drawn) == 2


def test_chance_is_a_fraction() -> None:
    entropy = seeded(3)
    assert all(0 <= entropy.chance() < 1 for _ in range(1000))
