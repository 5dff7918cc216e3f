import pytest

from perdure.model.ids import MailId
from perdure.testing.conformance.sample import append_to, born, do, row
from perdure.worlds.memory import MemoryWorld


@pytest.mark.anyio
async def test_a_letter_twice_in_a_log_breaks_a_rule_with_a_name() -> None:
    world = MemoryWorld()
    await born(world)
    twice = row(mail_id=MailId("m"))
    with pytest.raises(AssertionError, match=r"^M3: the log of wrun_0*1 would have letters twice: \['m', 'm'\]$"):
        await do(world, append_to(1, 3, rows=(twice, twice)))
