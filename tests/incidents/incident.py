"""A world in which ten and more things have gone wrong, and what each of them is called by whoever knows.

`python -m tests.incidents FOLDER` makes it, and says which runs there are: to look at, and to practise on.
"""

import os
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import msgspec

APP = Path(__file__).with_name("orders.py")
PATIENCE_S = 60.0
LOOK_S = 0.05
KEY = f"2026-02:{b64encode(bytes(32)).decode()}"


@dataclass(frozen=True)
class Scene:
    """A world in `folder`, and the ids of its runs, by the name of what happened to them."""

    folder: Path
    runs: dict[str, str]

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder}/orders.db"

    def say(self, *words: str, **environment: str) -> str:
        """What `perdure` with these words writes, in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "perdure", *words],
            cwd=self.folder,
            env={**os.environ, "PERDURE_WORLD": self.url, **environment},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def look(self, run: str) -> dict[str, Any]:
        """`perdure inspect run`, as JSON."""
        return msgspec.json.decode(self.say("inspect", "run", self.runs[run], "--json"))

    def start(self, run: str, workflow: str, arguments: str, *options: str, **environment: str) -> None:
        self.runs[run] = self.say("start", f"orders:{workflow}", arguments, *options, **environment).strip()

    def until(self, run: str, condition: Callable[[dict[str, Any]], bool]) -> None:
        """Raises: TimeoutError."""
        deadline = monotonic() + PATIENCE_S
        while not condition(shown := self.look(run)):
            if monotonic() > deadline:
                raise TimeoutError(f"{run}: {shown}")
            sleep(LOOK_S)

    @contextmanager
    def worker(self) -> Iterator["subprocess.Popen[bytes]"]:
        """A worker of the app as it now is, until it is drained."""
        with (self.folder / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "perdure", "worker", "orders", "--world", self.url, "--grace", "0s"],
                cwd=self.folder,
                stderr=log,
            )
        with process:
            try:
                yield process
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(PATIENCE_S)


@contextmanager
def incidents(folder: Path) -> Iterator[Scene]:
    """The scene, with a worker that lives for as long as it is looked at."""
    scene = Scene(folder, {})
    code = APP.read_text()
    (folder / "orders.py").write_text(code)
    scene.start("deadly", "thumbnail", '["cat.png"]')
    for _ in range(3):  # from the second death on its step is recorded before it begins
        with scene.worker() as process:
            process.wait(PATIENCE_S)
    scene.start("renamed", "ship", '["o-renamed"]')
    with scene.worker():
        scene.until("renamed", lambda run: len(run["hooks"]) == 1)
    (folder / "orders.py").write_text(
        code.replace("def pack(", "def wrap_up(").replace("await pack(", "await wrap_up(")
    )
    with scene.worker():
        begin(scene)
        yield scene


def begin(scene: Scene) -> None:
    """All that goes wrong under a worker that lives."""
    scene.say("resume-hook", "picked-up:o-renamed", '"by ups"')
    scene.start("declined", "buy", '["o-declined", 250000]')
    scene.start("mail down", "confirm", '["o-mail"]')
    scene.start("ledger down", "book", '["o-ledger"]')
    scene.start("misspelt", "confrim", '["o-misspelt"]')
    scene.start("rejected", "approve", '["o-rejected"]')
    scene.start("no gpu", "label", '["o-label"]')
    scene.start("hangs", "hand_over", '["o-hangs"]')
    scene.start("sealed", "buy", '["o-sealed", 100]', PERDURE_KEYS=KEY)
    scene.start("pinned", "confirm", '["o-pinned"]', "--deployment", "2026-01-30.7")
    scene.start("thirty days", "remind", '["o-remind"]')
    scene.start("waits for ann", "settle", '["o-settle"]')
    scene.start("cancelled", "remind", '["o-cancelled"]')
    scene.say("cancel", scene.runs["cancelled"], "--reason", "ordered twice", "--now")
    scene.until("rejected", lambda run: len(run["hooks"]) == 1)
    scene.say("resume-hook", "approval:o-rejected", '{"aproved": true, "by": "ann"}')
    scene.until("rejected", lambda run: run["hooks"][0]["rejected"] == 1)
    scene.until("waits for ann", lambda run: run["waitingFor"] != [] and run["status"] == "running")
    for run, status in {"deadly": "blocked", "renamed": "blocked", "declined": "failed", "mail down": "failed"}.items():
        scene.until(run, lambda shown, status=status: shown["status"] == status)
    for run in ("ledger down", "no gpu", "hangs", "thirty days"):
        scene.until(run, lambda shown: shown["status"] == "running" and shown["waitingFor"] != [])
