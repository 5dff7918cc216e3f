"""Views of the inspector's page: which one shows what a command would."""

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from perdure.cli.remote import query_of
from perdure.errors import UsageError
from perdure.inspector.filter import Wanted


class View(NamedTuple):
    """A view of the page, as its address has it: `run` is the id of the one that it is about, or a beginning."""

    name: str
    run: str | None = None
    query: tuple[tuple[str, str], ...] = ()

    @property
    def fragment(self) -> str:
        """`#/runs/wrun_…?tab=logs`."""
        place = "" if self.run is None else f"/{quote(self.run, safe='', errors='replace')}"
        return f"#/{self.name}{place}" + (f"?{urlencode(self.query, errors='replace')}" if self.query else "")


ViewOf = Callable[[dict[str, Any]], View]
"""The view for what a command was given."""


def of_all(name: str) -> ViewOf:
    """A list, or of a run that was named its own view."""
    return lambda given: View(name) if given.get("run") is None else View("runs", given["run"])


def of_run(tab: str | None = None, parameter: str = "run") -> ViewOf:
    """The run that was named; `tab`: in its view."""
    return lambda given: View("runs", given[parameter], () if tab is None else (("tab", tab),))


def of_step(given: dict[str, Any]) -> View:
    """The step's run. Raises: UsageError where it wasn't named."""
    if given["run"] is None:
        raise UsageError("the page shows a step in its run: name that too, with --run")
    return View("runs", given["run"])


def of_steps(given: dict[str, Any]) -> View:
    """The run, or those whose steps were asked for. Raises: as `of_runs`."""
    return of_runs({**given, "status": ()})


def of_runs(given: dict[str, Any]) -> View:
    """The list with the conditions that were given; or the run. Raises: UsageError for one that the page doesn't have."""
    if given.get("run") is not None:
        return View("runs", given["run"])
    wanted: Wanted = given["wanted"]
    if wanted.since is not None or wanted.until is not None:
        raise UsageError("the page has no --since and --until: leave them out, or --web")
    return View("runs", query=(*(("status", each) for each in given["status"]), *query_of(wanted)))
