"""`perdure stream`."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest

from perdure.api.plain import json_line
from perdure.cli.stream import Lines
from perdure.codec.value import encode
from perdure.world.stream import Chunk
from tests.cli.desk import HOSTILE, on_terminal
from tests.cli.shop import Shop, say

TEXTS = f'first\nsecond\n{HOSTILE}\n{{"at":"2026-01-01T00:00:00Z"}}\n1180591620717411303424\nhalf \\ud800\nAA==\nnull\n'
VALUES = (
    '"first\\nsecond"\n"red \\u001b[31m and \u202eback"\n{"at":"2026-01-01T00:00:00Z"}\n1180591620717411303424\n'
    '"half \\ud800"\n"AA=="\nnull\n'
)
PROGRESS = ['{"done":1,"total":3}', '{"done":2,"total":3}', '{"done":3,"total":3}']
UNSERVED = "no live worker serves desk:ask: the run waits for one; start it with `perdure worker MODULE`\n"
PATIENCE_S = 60


def test_texts_as_they_are_and_json(desk: Shop) -> None:
    done = say("stream", desk.runs["reporting"])
    assert (done.exit_code, done.stdout, done.stderr) == (0, TEXTS, "")


@pytest.mark.parametrize("form", ["--json", "--jsonl"])
def test_all_as_json(desk: Shop, form: str) -> None:
    done = say("stream", desk.runs["reporting"], form)
    assert (done.exit_code, done.stdout, done.stderr) == (0, VALUES, "")


def test_what_has_ended_can_be_followed(desk: Shop) -> None:
    assert say("stream", desk.runs["reporting"], "--follow", "--jsonl").stdout == VALUES
    done = say("stream", desk.runs["reporting"], "-f", "--namespace", "log")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")


def test_an_open_stream_ends_with_what_there_is(desk: Shop) -> None:
    done = say("stream", desk.runs["asking"][:-1], "--namespace", "progress")
    assert (done.exit_code, done.stdout.splitlines()) == (0, PROGRESS)
    assert done.stderr == "3 chunks so far: --follow waits for more, --start-index 3 skips these\n"


@pytest.mark.parametrize(("start", "first"), [("1", 1), ("3", 3), ("-1", 2), ("-3", 0), ("-9", 0)])
def test_from_an_index_on(desk: Shop, start: str, first: int) -> None:
    done = say("stream", desk.runs["asking"], "--namespace", "progress", "--start-index", start)
    assert (done.exit_code, done.stdout.splitlines()) == (0, PROGRESS[first:])


@pytest.mark.parametrize("words", [(), ("--follow",)])
def test_an_index_past_the_end(desk: Shop, words: tuple[str, ...]) -> None:
    done = say("stream", desk.runs["reporting"], "--start-index", "8", *words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "perdure: start_index=8 is past the stream's end: it has 7 chunks so far\n"


def test_a_stream_that_nobody_wrote(desk: Shop) -> None:
    done = say("stream", desk.runs["asking"], "--namespace", "nothing")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == (
        "nothing was written to this stream so far: --follow waits for it\nthere are others: --namespace progress\n"
    )
    done = say("stream", desk.runs["reporting"], "--namespace", "nothing")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "nothing was written to this stream\nthere are others: --namespace log\n"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 2),
        (("wrun_" + "0" * 26,), 3),
        (("wrun_",), 2),
        (("RUN", "--namespace", "~reply/x"), 2),
        (("RUN", "--namespace", ""), 2),
        (("RUN", "--start-index", "x"), 2),
        (("RUN", "--world", "sqlite:///nothing.db"), 4),
    ],
)
def test_what_is_asked_wrongly(desk: Shop, words: tuple[str, ...], code: int) -> None:
    words = tuple(desk.runs["asking"] if word == "RUN" else word for word in words)
    done = say("stream", *words)
    assert (done.exit_code, done.stdout) == (code, "")


def test_a_terminal_obeys_nobody(desk: Shop) -> None:
    shown = on_terminal("stream", desk.runs["reporting"])
    assert shown.startswith("first\nsecond\nred \\x1b[31m and \\u202eback\n{")
    assert "half \\ud800\n" in shown
    shown = on_terminal("stream", desk.runs["reporting"], "--jsonl")
    assert shown.splitlines()[1] == '"red \\u001b[31m and \\u202eback"'


@contextmanager
def following(desk: Shop) -> Iterator["subprocess.Popen[str]"]:
    """A process that follows a stream to which nobody writes more."""
    command = [sys.executable, "-m", "perdure", "stream", desk.runs["asking"], "--follow"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = {**os.environ, "PERDURE_WORLD": desk.url}
    with subprocess.Popen(command, text=True, env=environment, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def lines(stream: IO[str] | None, count: int) -> str:
    assert stream is not None
    return "".join(stream.readline() for _ in range(count))


def test_an_interruption_ends_it_quietly(desk: Shop) -> None:
    with following(desk) as process:
        assert lines(process.stdout, 2) == "order o-1\nasked\n"
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, stdout, stderr) == (130, "", f"{UNSERVED}\n")


def test_a_reader_that_goes_ends_it_quietly_though_nothing_comes(desk: Shop) -> None:
    with following(desk) as process:
        assert lines(process.stdout, 2) == "order o-1\nasked\n"
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(PATIENCE_S) == 141
        assert process.stderr is not None
        assert process.stderr.read() == UNSERVED


def chunk(data: bytes) -> Chunk:
    return Chunk(index=0, data=data, step_id=None, attempt=0)


def test_objects_are_their_fields() -> None:
    recorded = chunk(b'{"$":"obj","type":"not.here:Progress","v":{"done":1,"at":{"$":"date","v":"2026-01-01"}}}')
    assert Lines(quoted=False, escaped=False).of(recorded) == '{"done":1,"at":"2026-01-01"}'


def test_a_line_is_one_line() -> None:
    assert Lines(quoted=True, escaped=False).of(chunk(encode({"a": "b\nc"}, "chunk"))) == '{"a":"b\\nc"}'
    assert json_line(["\ud800", 2**70, {"a": "b\n"}]) == '["\\ud800",1180591620717411303424,{"a":"b\\n"}]'


def test_what_a_newer_perdure_wrote_is_shown_as_it_stands() -> None:
    assert Lines(quoted=False, escaped=False).of(chunk(b'{"$":"new","v":1}')) == '{"$":"new","v":1}'
