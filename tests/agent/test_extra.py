"""perdure.agent without its extra: what to install."""

import subprocess
import sys

HIDDEN = """
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "pydantic_ai" else find(name, *more)
import perdure, perdure.http
assert "pydantic_ai" not in sys.modules
import perdure.agent
"""


def test_what_is_missing() -> None:
    process = subprocess.run([sys.executable, "-c", HIDDEN], capture_output=True, text=True, check=False)
    assert process.returncode == 1
    assert process.stderr.strip().endswith(
        "ImportError: perdure.agent needs pydantic-ai, which isn't installed: pip install 'perdure[agent]'"
    )
