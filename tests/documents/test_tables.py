"""Tables that no docstring has: environment variables, and how the names of `perdure.sync` differ."""

import re

from documents import blocking, variables
from documents.names import ROOT


def test_every_variable_that_the_sources_name_is_in_the_table() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py")]
    assert {*variables.variables()} == {name for source in sources for name in re.findall(r"PERDURE_[A-Z_]+", source)}


def test_a_variable_s_meaning_is_what_stands_below_it() -> None:
    assert "| `PERDURE_TELEMETRY` | `1`: runs and steps are told to OpenTelemetry. |" in variables.table(lambda _: None)


def test_how_the_names_of_sync_differ() -> None:
    rows = blocking.table(lambda name: f"#{name}").splitlines()[2:]
    said = {row.split(" | ")[0].removeprefix("| "): re.findall(r"`(\w+)`", row) for row in rows}
    assert "resume_hook" in said[blocking.BLOCKS] and "Run" in said[blocking.OWN] and "now" in said[blocking.SAME]
    assert "RunFailed" not in said[blocking.SAME]
