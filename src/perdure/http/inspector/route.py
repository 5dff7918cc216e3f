"""Which paths are the inspector's: the API under `api/v1`, the page under `inspector`."""

from perdure.http.inspector import act, live, look, page
from perdure.http.inspector.session import show_session
from perdure.http.path import VARIABLE, Route

API = ("api", "v1")


def routes() -> tuple[Route, ...]:
    """All of them; of those that fit a path the first counts."""
    return (
        Route((*API, "session"), "GET", show_session),
        Route((*API, "live"), "GET", live.live_runs),
        *(Route((*API, "runs", name), "POST", act.on_many(name)) for name in act.ACTS),
        *(Route((*API, "runs", VARIABLE, name), "POST", act.on_one(name)) for name in act.ACTS),
        Route((*API, "hooks", VARIABLE, "resume"), "POST", act.resume),
        *(Route((*API, handler.__name__), "GET", handler) for handler in _OF_ALL),
        Route((*API, "steps", VARIABLE), "GET", look.step),
        Route((*API, "runs", VARIABLE), "GET", look.run),
        *(
            Route((*API, "runs", VARIABLE, handler.__name__.removeprefix("run_")), "GET", handler)
            for handler in _OF_A_RUN
        ),
        Route((*API, "runs", VARIABLE, "live"), "GET", live.live_run),
        Route((*API, "runs", VARIABLE, "chunks", "live"), "GET", live.live_chunks),
        Route(("inspector",), "GET", page.to_page),
        Route(("inspector", ""), "GET", page.show_page),
        *(Route(("inspector", *path.parts), "GET", page.show_file(path)) for path in page.files()),
    )


_OF_ALL = (look.runs, look.steps, look.hooks, look.workers, look.workflows)
_OF_A_RUN = (
    look.run_timeline,
    look.run_steps,
    look.run_events,
    look.run_hooks,
    look.run_waits,
    look.run_streams,
    look.run_children,
    look.run_forks,
    look.run_chunks,
    look.run_logs,
)
