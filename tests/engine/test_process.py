"""Whether a worker's process is gone: only ever concluded where that is certain (O4)."""

import os
import signal
import subprocess
import sys

import pytest
from msgspec import json

from perdure.engine import process
from perdure.engine.process import Process, is_gone, is_here, pid_of, this_process


def changed(**fields: object) -> str:
    here = json.decode(this_process(), type=Process)
    known = {"boot": here.boot, "namespace": here.namespace, "pid": here.pid, "started": here.started}
    return json.encode({**known, **fields}).decode()


def test_this_one_is_there() -> None:
    assert json.decode(this_process(), type=Process).pid == os.getpid()
    assert not is_gone(this_process())


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        (changed(started="1"), True),
        (changed(pid=2**22 + 1), True),
        (changed(pid=2**22 + 1, boot="another host"), False),
        (changed(pid=2**22 + 1, namespace="pid:[1]"), False),
        ("", False),
        ("{}", False),
        ("not json", False),
    ],
    ids=["reused pid", "no such pid", "another host", "another container", "empty", "odd", "no json"],
)
def test_gone_is_only_said_of_this_host(text: str, gone: bool) -> None:
    assert is_gone(text) is gone


@pytest.mark.parametrize(
    ("text", "here"),
    [
        (this_process(), True),
        (changed(pid=2**22 + 1), True),
        (changed(boot="another host"), False),
        (changed(namespace="pid:[1]"), False),
        ("", False),
        ("not json", False),
    ],
    ids=["this one", "gone", "another host", "another container", "empty", "no json"],
)
def test_what_is_here(text: str, here: bool) -> None:
    assert is_here(text) is here


def test_a_killed_process_is_gone_even_before_its_parent_looks() -> None:
    code = "import sys; from perdure.engine.process import this_process; print(this_process(), flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        named = child.stdout.readline().strip()
        assert not is_gone(named)
        child.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, but not yet reaped: a zombie
        assert is_gone(named)
    assert is_gone(named)


def test_a_system_that_tells_nothing_names_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    named = this_process()

    def unreadable() -> str:
        raise PermissionError

    monkeypatch.setattr(process, "_boot", unreadable)
    assert this_process() == ""
    assert not is_gone(named)


def test_its_number_is_told_wherever_it_is() -> None:
    assert pid_of(this_process()) == os.getpid()
    assert pid_of("") is None
    assert pid_of('{"boot":"x","namespace":"y","pid":7,"started":"1"}') == 7
