"""Opening, closing, forking; other loops, other processes; and what survives a SIGKILL and a failed sync."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from textwrap import dedent

import pytest

from perdure.errors import WorldUnavailable
from perdure.testing.conformance.sample import ONE, TWO, append_to, beat, born, do, letter_to, log_of, run_id, start_of
from perdure.world import Send
from perdure.worlds.sqlite import SqliteWorld
from tests.worlds.sqlite.opened import opened, url_of

pytestmark = pytest.mark.anyio

PROGRAM = """
import asyncio, os, sys
from perdure.testing.conformance.sample import *
from perdure.worlds.sqlite import SqliteWorld
"""


def process(code: str, *arguments: str) -> "subprocess.Popen[str]":
    root = Path(__file__).parents[3]
    path = os.pathsep.join((str(root / "src"), str(root)))
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM + dedent(code), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
    )


def output_of(code: str, *arguments: str) -> str:
    with process(code, *arguments) as child:
        try:
            output, _ = child.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)  # with the children that it forked
            raise
    assert child.returncode == 0, output
    return output


def our_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("perdure-")]


async def test_open_and_close_are_harmless_to_repeat(tmp_path: Path) -> None:
    world = SqliteWorld(url_of(tmp_path))
    await world.close()
    for number in range(3):
        await world.open()
        await world.open()
        await do(world, start_of(number))
        await world.close()
        await world.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs.db"], "the log is written back and gone"
    async with opened(tmp_path) as again:
        assert await again.read_run(run_id(2)) is not None


async def test_closing_ends_the_threads(tmp_path: Path) -> None:
    async with opened(tmp_path):
        assert len(our_threads()) == 3
        assert all(thread.daemon for thread in our_threads())
    assert our_threads() == []


async def test_a_world_that_is_not_open_says_so(tmp_path: Path) -> None:
    world = SqliteWorld(url_of(tmp_path))
    sentence = "the world can't be reached: it is not open in this process: await open() first, after a fork as well"
    for _ in range(2):
        with pytest.raises(WorldUnavailable) as caught:
            await world.commit([start_of(1)])
        assert str(caught.value) == sentence
        with pytest.raises(WorldUnavailable) as caught:
            await world.read_run(run_id(1))
        assert str(caught.value) == sentence
        await world.open()
        await world.close()


async def test_a_failed_open_leaves_nothing_open(tmp_path: Path) -> None:
    (tmp_path / "runs.db").write_bytes(b"no database at all" * 100)
    world = SqliteWorld(url_of(tmp_path))
    for _ in range(2):
        with pytest.raises(Exception, match="not a SQLite database"):
            await world.open()
    assert our_threads() == []
    with pytest.raises(WorldUnavailable):
        await world.read_run(run_id(1))


async def test_heartbeats_come_from_another_loop(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        ends: list[int] = []
        thread = threading.Thread(target=lambda: ends.append(asyncio.run(beat(world))))
        thread.start()
        await do(world, start_of(1))
        await asyncio.to_thread(thread.join)
        assert len(ends) == 1


async def test_a_cancelled_caller_harms_nobody(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        gone = asyncio.ensure_future(world.commit([start_of(1)]))
        gone.cancel()
        await do(world, start_of(2))
        assert await world.read_run(run_id(1)) is not None, "it was on its way"


async def test_another_world_in_this_process_is_heard_of(tmp_path: Path) -> None:
    async with opened(tmp_path) as one, opened(tmp_path) as other:
        heard = threading.Event()
        stop = one.subscribe(heard.set)
        await do(other, start_of(1))
        assert await asyncio.to_thread(heard.wait, 10)
        stop()
        stop()


async def test_what_is_for_the_senders_own_worker_is_no_hint(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        await born(world)
        heard: list[int] = []
        world.subscribe(lambda: heard.append(1))
        for owner, hints in ((ONE, 0), (TWO, 1), (None, 2)):
            await do(world, Send(letter=letter_to(1, f"from {owner}"), owner=owner))
            await do(world, append_to(1, 3 + hints))
            assert len(heard) == hints, "what the writer has to say of the last commit it has said by now"


async def test_what_a_run_writes_to_one_of_its_owner_is_no_hint(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        await do(world, start_of(3))  # its hint has come by the time that the others are there
        for number in (1, 2):
            await born(world, number)
        heard: list[int] = []
        world.subscribe(lambda: heard.append(1))
        for seq, (to, hints) in enumerate(((2, 0), (3, 1)), 3):
            await do(world, append_to(1, seq, letters=(letter_to(to),)))
            await do(world, append_to(2, seq))
            assert len(heard) == hints


async def test_another_process_is_heard_of_and_read(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        await born(world)
        heard = threading.Event()
        world.subscribe(heard.set)
        output_of(
            """
            async def main():
                world = SqliteWorld(sys.argv[1])
                await world.open()
                assert (await record_of(world)).owner == ONE
                await do(world, start_of(2))
                await world.close()
            asyncio.run(main())
            """,
            url_of(tmp_path),
        )
        assert await asyncio.to_thread(heard.wait, 10)
        assert await world.read_run(run_id(2)) is not None


async def test_processes_write_at_once(tmp_path: Path) -> None:
    code = """
        async def main():
            world = SqliteWorld(sys.argv[1])
            await world.open()
            first = int(sys.argv[2]) * 100
            for number in range(first, first + 25):
                await do(world, start_of(number))
                await do(world, append_to(number, 2, owner=ONE, seize=True, epoch=0))
            await world.close()
        asyncio.run(main())
        """
    await asyncio.gather(*(asyncio.to_thread(output_of, code, url_of(tmp_path), str(number)) for number in range(4)))
    async with opened(tmp_path) as world:
        for number in range(4):
            for each in range(number * 100, number * 100 + 25):
                assert (await log_of(world, each)).run.length == 2


async def test_a_killed_process_leaves_all_that_it_acknowledged(tmp_path: Path) -> None:
    code = """
        async def main():
            world = SqliteWorld(sys.argv[1])
            await world.open()
            await born(world)
            async def appending():
                for seq in range(3, 10**6):
                    await done(world, append_to(1, seq))
                    print(f"row {seq}", flush=True)
            async def starting():
                for number in range(2, 10**6):
                    await do(world, start_of(number))
                    print(f"run {number}", flush=True)
            await asyncio.gather(appending(), starting())
        asyncio.run(main())
        """
    acknowledged: list[str] = []
    with process(code, url_of(tmp_path)) as child:
        assert child.stdout is not None
        for line in child.stdout:
            acknowledged.append(line.strip())
            if len(acknowledged) == 300:
                break
        child.kill()
        acknowledged += [line.strip() for line in child.stdout.read().splitlines()]
    assert child.returncode == -signal.SIGKILL
    rows = [int(line.split()[1]) for line in acknowledged if line.startswith("row")]
    runs = [int(line.split()[1]) for line in acknowledged if line.startswith("run")]
    assert rows
    assert runs
    async with opened(tmp_path) as world:
        log = await log_of(world)
        assert [event.seq for event in log.rows] == list(range(1, log.run.length + 1))
        assert log.run.length >= max(rows)
        for number in runs:
            assert await world.read_run(run_id(number)) is not None


FORKED = """
    from perdure.errors import WorldUnavailable

    world, loop = SqliteWorld(sys.argv[1]), asyncio.new_event_loop()
    run = loop.run_until_complete
    run(world.open())
    run(do(world, start_of(1)))
    ready, go = os.pipe(), os.pipe()

    async def in_the_child():
        try:
            await do(world, start_of(2))
        except WorldUnavailable:
            print("not open", flush=True)
        await world.open()
        await do(world, start_of(2))
        os.write(ready[1], b"x")
        os.read(go[0], 1)
        await do(world, start_of(3))
        os._exit(7)

    child = os.fork()
    if not child:
        asyncio.run(in_the_child())
    os.read(ready[0], 1)
    """


def there(numbers: str) -> str:
    return f"print(*[run(world.read_run(run_id(n))) is not None for n in {numbers}]); run(world.close())"


async def test_a_forked_child_opens_the_file_anew(tmp_path: Path) -> None:
    """And the parent goes on as if nothing had been."""
    output = output_of(
        dedent(FORKED)
        + dedent(
            """
            run(do(world, start_of(4)))
            os.write(go[1], b"x")
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
            """
        )
        + there("(1, 2, 3, 4)"),
        url_of(tmp_path),
    )
    assert output.splitlines() == ["not open", "True True True True"]


async def test_a_parent_that_closes_leaves_the_child_its_log(tmp_path: Path) -> None:
    """The last to close writes the log back and removes it: it must see that the child has it open."""
    output = output_of(
        dedent(FORKED)
        + dedent(
            """
            run(world.close())
            os.write(go[1], b"x")
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
            run(world.open())
            """
        )
        + there("(1, 2, 3)"),
        url_of(tmp_path),
    )
    assert output.splitlines() == ["not open", "True True True"]


async def test_a_fork_waits_for_what_is_being_written(tmp_path: Path) -> None:
    """A child that copied a lock in use would wait for ever."""
    output = output_of(
        """
        world, loop = SqliteWorld(sys.argv[1]), asyncio.new_event_loop()
        run = loop.run_until_complete
        run(world.open())

        async def forking():
            for number in range(40):
                writing = [world.commit([start_of(number * 10 + each)]) for each in range(10)]
                reading = [asyncio.ensure_future(world.read_run(run_id(1))) for each in range(4)]
                await asyncio.sleep(0)
                child = os.fork()
                if not child:
                    os._exit(0 if run_in_child() else 1)
                assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
                await asyncio.gather(*writing, *reading)

        def run_in_child():
            asyncio.events._set_running_loop(None)
            async def opening():
                await world.open()
                return await world.commit([start_of(0)])
            return asyncio.run(opening())

        run(forking())
        run(world.close())
        """,
        url_of(tmp_path),
    )
    assert output == ""


NO_SYNC = """
    import ctypes, errno, platform, struct

    # From here on this process's fsync and fdatasync fail: https://docs.kernel.org/userspace-api/seccomp_filter.html
    def break_syncs():
        fsync, fdatasync, seccomp = {"x86_64": (74, 75, 317), "aarch64": (82, 83, 277)}[platform.machine()]
        program = [(0x20, 0, 0, 0), (0x15, 1, 0, fsync), (0x15, 0, 1, fdatasync),
                   (0x06, 0, 0, 0x00050000 | errno.EIO), (0x06, 0, 0, 0x7FFF0000)]
        code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
        filter = ctypes.create_string_buffer(struct.pack("H6xQ", len(program), ctypes.addressof(code)))
        libc = ctypes.CDLL(None)
        all_threads = ctypes.c_ulong(1)
        if libc.prctl(38, 1, 0, 0, 0) or libc.syscall(ctypes.c_long(seccomp), ctypes.c_ulong(1), all_threads, filter):
            print("no seccomp here"); sys.exit()
    """


@pytest.mark.skipif(os.uname().machine not in ("x86_64", "aarch64"), reason="the numbers of the calls aren't known")
async def test_after_a_failed_sync_nothing_is_acknowledged(tmp_path: Path) -> None:
    output = output_of(
        dedent(NO_SYNC)
        + dedent(
            """
            async def attempt(world, number):
                try:
                    await do(world, start_of(number))
                    print("acknowledged", number)
                except Exception as error:
                    print(type(error).__name__, "restart the process" in str(error))

            async def main():
                world = SqliteWorld(sys.argv[1])
                await world.open()
                await attempt(world, 1)
                break_syncs()
                await attempt(world, 2)
                await attempt(world, 3)
                print(await world.read_run(run_id(1)) is not None)
                await world.close()
            asyncio.run(main())
            """
        ),
        url_of(tmp_path),
    )
    if "no seccomp here" in output:
        pytest.skip("this kernel doesn't let a process break its own syncs")
    failed = "WorldUnavailable True"
    assert output.splitlines() == ["acknowledged 1", failed, failed, "True"]
    async with opened(tmp_path) as world:
        assert await world.read_run(run_id(1)) is not None
        assert await world.read_run(run_id(3)) is None
        await do(world, start_of(4))
