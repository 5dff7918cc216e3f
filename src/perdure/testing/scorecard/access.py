"""Items about how users start runs, look at them, and come back."""

from perdure.testing.scorecard.card import Evidence, Found, Item, Section, found, nothing, share, unseen
from perdure.testing.scorecard.subject import Subject

_NO_APP = "no app was found beside the workflows"
_PAGES = (
    r"EventSource|startIndex|start_index|Last-Event-ID|localStorage|sessionStorage|location\.(?:hash|search)|reconnect"
)


def starts_with_202(subject: Subject) -> Found:
    app = subject.app
    good = [Evidence("perdure's own route answers 202 and runId", wrap.place) for wrap in (app.served("runs"),) if wrap]
    bad: list[Evidence] = []
    for route in app.routes:
        if route.starts:
            lacks = [what for what, has in (("202", route.accepted), ("runId", route.tells_run)) if not has]
            told = (
                f"{route.name} starts, without {' and '.join(lacks)}"
                if lacks
                else f"{route.name} answers 202 and the run's id"
            )
            (bad if lacks else good).append(Evidence(told, route.place))
    if good or bad:
        return share(good, bad)
    if app.chat:
        return found(2, Evidence("the chat's route answers at once, with the run's id in a header", app.chat.place))
    return found(0, Evidence("no route starts a run")) if app.there else unseen(_NO_APP)


def shows_status(subject: Subject) -> Found:
    app = subject.app
    good = [Evidence("perdure's own route shows a run", wrap.place) for wrap in (app.served("runs"),) if wrap]
    good += [Evidence(f"{route.name} looks a run up", route.place) for route in app.routes if route.looks]
    if good:
        return found(2, *good)
    return found(0, Evidence("no route looks a run up")) if app.there else unseen(_NO_APP)


def streams_progress(subject: Subject) -> Found:
    writes, reads = _writes(subject), _reads(subject)
    if writes and (reads or not subject.app.there):
        return found(2 if reads else 1, *writes, *reads)
    if writes:
        return found(1, *writes, Evidence("no route reads the stream"))
    return unseen("nothing is streamed: do users need progress?")


def reconnects(subject: Subject) -> Found:
    app = subject.app
    good = [
        Evidence(f"{route.name} goes on from an index", route.place)
        for route in app.routes
        if route.streams and route.from_index
    ]
    bad = [
        Evidence(f"{route.name} begins at the beginning each time", route.place)
        for route in app.routes
        if route.streams and not route.from_index
    ]
    good += [
        Evidence("perdure's own route goes on from an index", wrap.place)
        for wrap in (app.served("streams"), app.chat)
        if wrap
    ]
    if good or bad:
        return share(good, bad)
    if not _writes(subject):
        return nothing("nothing is streamed")
    return found(0, Evidence("no route reads the stream")) if app.there else unseen(_NO_APP)


def recovers(subject: Subject) -> Found:
    """A page that keeps the run's id; else what a page needs from the server is half of it."""
    pages = [page for page in subject.repository.pages if page.place(_PAGES) != page.path]
    if pages:
        return found(2, *(Evidence("the page goes on where it was", page.place(_PAGES)) for page in pages))
    if not subject.app.there:
        return unseen(_NO_APP)
    looks = [*shows_status(subject).evidence] if shows_status(subject).score == 2 else []
    if looks:
        return found(
            1, Evidence("the server has what a page needs to come back; that it does is for you to answer"), *looks
        )
    return found(0, Evidence("a page has no way to find its run again"))


def _writes(subject: Subject) -> list[Evidence]:
    code = subject.code
    return [
        Evidence(f"{each.qualname} writes to a stream", call.place)
        for each in code.reached([*code.workflows, *code.steps])
        for call in code.ours(each, "get_writable")
    ]


def _reads(subject: Subject) -> list[Evidence]:
    app = subject.app
    reads = [Evidence(f"{route.name} reads it", route.place) for route in app.routes if route.streams]
    return reads + [
        Evidence("perdure's own route reads it", wrap.place) for wrap in (app.served("streams"), app.chat) if wrap
    ]


SECTION = Section(
    "Starting, looking, coming back",
    (
        Item(
            id="start-202",
            text="Long-running start routes return 202 and `runId`.",
            check=starts_with_202,
            risk=2,
            fix='answer a start with 202 and {"runId": run.run_id}, not with the result',
        ),
        Item(
            id="status",
            text="Status route uses `get_run()`.",
            check=shows_status,
            risk=2,
            fix="a route that answers get_run(run_id).info()",
        ),
        Item(
            id="progress",
            text="Progress stream is available when users need progress.",
            check=streams_progress,
            risk=3,
            fix="write with get_writable(), and answer a route with stream_response(run, request)",
        ),
        Item(
            id="reconnect",
            text="Stream reconnect uses `run.get_readable(start_index=…)`.",
            check=reconnects,
            risk=2,
            fix="stream_response(run, request) takes startIndex and Last-Event-ID",
        ),
        Item(
            id="refresh",
            text="UI can recover after browser refresh.",
            check=recovers,
            risk=2,
            fix="keep the run's id in the page's address, and ask for its status and its stream from there",
        ),
    ),
)
