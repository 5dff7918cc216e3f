"""A worker is what its runs take it for."""

from perdure.engine.host import Host
from perdure.engine.worker import Worker
from tests.engine.stage import Stage


def test_a_worker_is_a_host() -> None:
    stage = Stage()

    async def scene() -> Worker:
        return await stage.engine().work()

    worker = stage.play(scene)
    promised = {*Host.__annotations__, *(name for name in vars(Host) if not name.startswith("_"))}
    assert promised >= {"world", "loop", "committer", "births", "left"}
    assert [name for name in sorted(promised) if not hasattr(worker, name)] == []
