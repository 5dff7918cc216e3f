"""The determinism guard: what raises, what doesn't, and that nobody else is disturbed."""
# ruff: noqa: SIM115, PLW0108 - nothing is ever opened, and each act stands on a line of its own

import contextlib
import ctypes
import gc
import glob
import importlib
import importlib.metadata
import linecache
import logging
import logging.handlers
import os
import pdb
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.request
import warnings
import weakref
import webbrowser
import zoneinfo
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType

import pytest

from perdure.errors import DeterminismError
from perdure.replay import guard
from perdure.replay.guard import guarding, install

HERE = __file__
NOTHING = "/nowhere/at/all"


def refused(act: Callable[[], object]) -> DeterminismError:
    with guarding(), pytest.raises(DeterminismError) as raised:
        act()
    return raised.value


def line_of(function: Callable[..., object]) -> str:
    """Where a one-line lambda is written."""
    code: CodeType = function.__code__
    return f"{HERE}:{code.co_firstlineno}"


@pytest.mark.parametrize(
    ("act", "what"),
    [
        (lambda: open(NOTHING), f"opening a file ('{NOTHING}')"),
        (lambda: open(NOTHING.encode(), "w"), f"opening a file ('{NOTHING}')"),
        (lambda: os.open(NOTHING, os.O_RDONLY), f"opening a file ('{NOTHING}')"),
        (lambda: Path(NOTHING).read_text(encoding="utf-8"), f"opening a file ('{NOTHING}')"),
        (lambda: os.listdir(NOTHING), f"listing a folder ('{NOTHING}')"),
        (lambda: os.listdir(), "listing a folder"),
        (lambda: os.scandir(Path(NOTHING)), f"listing a folder ('{NOTHING}')"),
        (lambda: next(os.walk(NOTHING)), f"os.walk('{NOTHING}')"),
        (lambda: glob.glob(f"{NOTHING}/*"), f"glob.glob('{NOTHING}/*')"),
        (lambda: list(Path(NOTHING).glob("*")), None),
        (lambda: os.mkdir(NOTHING), f"os.mkdir('{NOTHING}')"),
        (lambda: os.remove(NOTHING), f"os.remove('{NOTHING}')"),
        (lambda: os.rename(NOTHING, "/x"), f"os.rename('{NOTHING}')"),
        (lambda: os.rmdir(NOTHING), f"os.rmdir('{NOTHING}')"),
        (lambda: os.chmod(NOTHING, 0o600), f"os.chmod('{NOTHING}')"),
        (lambda: shutil.copyfile(NOTHING, "/x"), f"shutil.copyfile('{NOTHING}')"),
        (lambda: tempfile.mkdtemp(dir=NOTHING), None),
        (lambda: os.putenv("PERDURE_TEST", "1"), "os.putenv('PERDURE_TEST')"),
        (lambda: os.environ.update(PERDURE_TEST="1"), "os.putenv('PERDURE_TEST')"),
        (lambda: socket.socket(), "opening a socket"),
        (lambda: socket.getaddrinfo("localhost", 80), "socket.getaddrinfo('localhost')"),
        (lambda: socket.gethostname(), "socket.gethostname()"),
        (lambda: urllib.request.urlopen("http://localhost:1"), "opening a URL ('http://localhost:1')"),
        (lambda: webbrowser.GenericBrowser("x").open("http://x"), "webbrowser.open('http://x')"),
        (lambda: sqlite3.connect(":memory:"), "sqlite3.connect(':memory:')"),
        (lambda: subprocess.run(["true"], check=True), "starting a process ('true')"),
        (lambda: os.system("true"), "starting a process ('true')"),
        (lambda: os.posix_spawn("/bin/true", ["true"], {}), "starting a process ('/bin/true')"),
        (lambda: os.execv("/bin/true", ["true"]), "os.exec('/bin/true')"),
        (lambda: os.fork(), "forking the process"),
        (lambda: os.kill(1, 0), "os.kill(1)"),
        (lambda: threading.Thread(target=print).start(), "starting a thread"),
        (lambda: time.sleep(0.001), "time.sleep(0.001)"),
        (lambda: input("name? "), "input('name? ')"),
        (lambda: ctypes.CDLL(NOTHING), f"ctypes.dlopen('{NOTHING}')"),
    ],
)
def test_an_act_is_refused(act: Callable[[], object], what: str | None) -> None:
    error = refused(act)
    if what is not None:  # else it differs from Python to Python
        assert error.what == what
    assert error.line == line_of(act)


def test_a_socket_that_is_there_may_not_connect() -> None:
    with socket.socket() as connection:
        error = refused(lambda: connection.connect(("127.0.0.1", 1)))
    assert error.what == "socket.connect(('127.0.0.1', 1))"


def test_the_sentence() -> None:
    def act() -> None:
        open("/tmp/x")

    assert str(refused(act)) == (
        f"opening a file ('/tmp/x') in a workflow's body, at {HERE}:{act.__code__.co_firstlineno + 1}: "
        "a replay would not see the same; do it in a step"
    )


@pytest.mark.parametrize(
    ("act", "advice"),
    [
        (lambda: open(NOTHING), "do it in a step"),
        (lambda: time.sleep(0), "await sleep(…) instead"),
        (lambda: input(), "do it in a step, or wait for a hook"),
    ],
)
def test_the_advice(act: Callable[[], object], advice: str) -> None:
    assert refused(act).advice == advice


def test_a_long_name_is_cut() -> None:
    assert len(refused(lambda: open("x" * 10_000)).what) < 150


def test_a_thread_that_was_refused_is_not_left_half_started() -> None:
    before = threading.enumerate()
    refused(lambda: threading.Thread(target=print).start())
    assert threading.enumerate() == before


@pytest.mark.parametrize("act", [lambda: 1 / 0, lambda: open(NOTHING)])
def test_after_the_body_all_is_allowed(act: Callable[[], object], tmp_path: Path) -> None:
    with pytest.raises((ZeroDivisionError, DeterminismError)), guarding():
        act()
    (tmp_path / "x").write_text("y", encoding="utf-8")
    time.sleep(0)


def test_what_python_audits_beside_acts_is_allowed() -> None:
    with guarding():
        assert id(HERE)
        assert eval(compile("1 + 1", "x", "eval")) == 2
        assert gc.get_referrers(object()) == []
        assert os.path.exists(HERE)


# -- logged, caught or not


def test_what_a_body_catches_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def body() -> None:
        with contextlib.suppress(DeterminismError):
            open(NOTHING)

    with guarding():
        body()
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("perdure", "WARNING")
    assert record.getMessage().startswith(f"opening a file ('{NOTHING}') in a workflow's body, at {HERE}:")


def test_each_raise_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    install()
    install()
    error = refused(lambda: open(NOTHING))
    assert [record.getMessage() for record in caplog.records] == [str(error)]
    refused(lambda: open(NOTHING))
    assert len(caplog.records) == 2


# -- behind the scenes


def test_a_late_import_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "perdure_late.py").write_text("with open(__file__) as file: text = file.read()\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with guarding():
        module = importlib.import_module("perdure_late")
    assert module.text.startswith("with open")
    del sys.modules["perdure_late"]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[logging.Logger]:
    """A logger that opens its file at the first line, and a new one for each line."""
    handler = logging.handlers.RotatingFileHandler(tmp_path / "log", maxBytes=1, backupCount=3, delay=True)
    logger = logging.getLogger("a-body's")
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)
    handler.close()


def test_logging_to_a_file_works(log: logging.Logger, tmp_path: Path) -> None:
    with guarding():
        log.warning("one")
        log.warning("two")
    assert (tmp_path / "log.1").read_text() == "one\n"
    assert (tmp_path / "log").read_text() == "two\n"


def test_the_guard_s_own_line_goes_to_a_file(tmp_path: Path) -> None:
    handler = logging.FileHandler(tmp_path / "log", delay=True)
    logging.getLogger("perdure").addHandler(handler)
    try:
        error = refused(lambda: open(NOTHING))
    finally:
        logging.getLogger("perdure").removeHandler(handler)
        handler.close()
    assert (tmp_path / "log").read_text() == f"{error}\n"


@pytest.mark.parametrize("line", ["1 / 0  # a line of source", "if 1: raise ZeroDivisionError  # no expression"])
def test_a_traceback_can_be_formatted(tmp_path: Path, line: str, caplog: pytest.LogCaptureFixture) -> None:
    """From Python 3.13 on it is parsed, for the marks under it; what can't be makes an error that looks for its source."""
    file = tmp_path / "failing.py"
    file.write_text(f"{line}\n", encoding="utf-8")
    code = compile(file.read_text(encoding="utf-8"), str(file), "exec")
    linecache.clearcache()
    with guarding():
        try:
            exec(code)
        except ZeroDivisionError as error:
            text = "".join(traceback.format_exception(error))
    assert line in text
    assert not caplog.records


def test_a_source_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "source.py"
    file.write_text("x = 1\n", encoding="utf-8")
    with guarding():
        assert linecache.getline(str(file), 1) == "x = 1\n"


def test_a_warning_can_be_shown(tmp_path: Path) -> None:
    file = tmp_path / "warning.py"
    file.write_text("# a line of source\n", encoding="utf-8")
    linecache.clearcache()
    with guarding():
        text = warnings.formatwarning("mind the gap", UserWarning, str(file), 1)
    assert "# a line of source" in text


def test_a_warning_can_be_kept_in_a_file(tmp_path: Path) -> None:
    def keep(message: Warning | str, *_: object) -> None:
        (tmp_path / "warnings").write_text(str(message), encoding="utf-8")

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = keep
        with guarding():
            warnings.warn("mind the gap", stacklevel=1)
    assert (tmp_path / "warnings").read_text() == "mind the gap"


def test_a_time_zone_can_be_read(tmp_path: Path) -> None:
    counts = [0, 0, 0, 0, 1, 4]
    header = b"TZif" + b"\0" * 16 + b"".join(count.to_bytes(4, "big") for count in counts)
    (tmp_path / "Nowhere").write_bytes(header + (3600).to_bytes(4, "big") + b"\0\0" + b"NOW\0")
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath([str(tmp_path)])
    try:
        with guarding():
            zone = zoneinfo.ZoneInfo.no_cache("Nowhere")
        refused(lambda: open(f"{tmp_path}.txt"))
    finally:
        zoneinfo.reset_tzpath(before)
    assert zone.key == "Nowhere"


def test_a_debugger_reads_its_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".pdbrc").write_text("alias x print(1)\n", encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    with guarding():
        debugger = pdb.Pdb()
    assert debugger.rcLines == ["alias x print(1)\n"]


class Closing:
    """Somebody else's object, which the collector happens to find while a body runs."""

    closed = False

    def __del__(self) -> None:
        os.listdir("/")
        Closing.closed = True


def test_an_object_can_be_finalized() -> None:
    closing = Closing()
    with guarding():
        del closing
    assert Closing.closed


def test_a_finalizer_can_run() -> None:
    found: list[str] = []

    class Folder: ...

    folder = Folder()
    weakref.finalize(folder, lambda: found.extend(os.listdir("/")))
    with guarding():
        del folder
    assert found


def call_from(
    module: str, act: Callable[[], object], file: str = "made.py", source: str = "act()"
) -> Callable[[], object]:
    """A function of another module and file that calls `act`."""
    call = eval(compile(f"lambda: {source}", file, "eval"), {"__name__": module, "act": act})
    assert callable(call)
    return call


def test_a_version_can_be_read() -> None:
    with guarding():
        assert importlib.metadata.version("pytest")


@pytest.mark.parametrize(
    "module",
    ["_frozen_importlib", "_frozen_importlib_external", "bdb", "loguru._logger", "zipimport", "zoneinfo"],
)
def test_what_works_behind_the_scenes_may_act(module: str) -> None:
    with guarding():
        assert call_from(module, lambda: os.listdir("/"))()


def test_what_runs_the_worker_itself_excuses_nothing() -> None:
    body = call_from("perdure.replay.loop", lambda: os.listdir("/"))
    refused(call_from("importlib._bootstrap", body))


# -- the line


def test_the_line_is_the_user_s_before_an_installed_package_s() -> None:
    read = call_from("package", lambda: None, "/x/site-packages/package.py", "open('/x')")
    assert refused(call_from("app", read, "/x/app.py")).line == "/x/app.py:1"


def test_without_a_line_of_the_user_s_it_is_the_package_s() -> None:
    read = call_from("package", lambda: None, "/x/site-packages/package.py", "open('/x')")
    assert refused(call_from("perdure.replay.loop", read)).line == "/x/site-packages/package.py:1"


def test_without_any_line_but_python_s_it_is_the_nearest() -> None:
    line = refused(call_from("perdure.replay.loop", Path(NOTHING).read_bytes)).line
    assert line.startswith(f"{os.path.dirname(os.__file__)}/pathlib")


# -- others


def test_other_threads_are_not_disturbed(tmp_path: Path) -> None:
    entered, done = threading.Event(), threading.Event()
    outcome: list[str] = []

    def step() -> None:
        entered.wait()
        (tmp_path / "x").write_text("y", encoding="utf-8")
        outcome.append((tmp_path / "x").read_text(encoding="utf-8"))
        done.set()

    thread = threading.Thread(target=step)
    thread.start()
    with guarding():
        entered.set()
        assert done.wait(10)
        with pytest.raises(DeterminismError):
            os.listdir("/")
    thread.join()
    assert outcome == ["y"]


def test_two_bodies_on_two_threads_are_guarded_each() -> None:
    left, entered = threading.Event(), threading.Event()
    outcome: list[str] = []

    def other() -> None:
        with guarding():
            entered.set()
            left.wait()
            try:
                os.listdir("/")
            except DeterminismError as error:
                outcome.append(error.what)

    thread = threading.Thread(target=other)
    thread.start()
    entered.wait()
    with guarding():
        pass
    assert os.listdir("/")
    left.set()
    thread.join()
    assert outcome == ["listing a folder ('/')"]


def test_a_forked_child_is_free() -> None:
    left, entered = threading.Event(), threading.Event()

    def body() -> None:
        with guarding():
            entered.set()
            left.wait()

    thread = threading.Thread(target=body)
    thread.start()
    entered.wait()
    child = os.fork()
    if child == 0:
        os._exit(len(guard.guarded))
    left.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0


def test_time_sleep_stays_what_it_is() -> None:
    install()
    sleep = time.sleep
    install()
    assert time.sleep is sleep
    assert (sleep.__module__, sleep.__name__) == ("time", "sleep")
    with pytest.raises(TypeError):
        sleep("long")  # type: ignore[arg-type]
