"""Items about where it runs, and about changing the code under runs that are in flight."""

import ast
import re

from perdure.testing.scorecard.boundary import typed
from perdure.testing.scorecard.card import Evidence, Found, Item, Section, found, unseen
from perdure.testing.scorecard.code import Call, File, constant, is_none, keyword
from perdure.testing.scorecard.subject import Subject

_GATE = r"perdure check[^\n]*--against"
_FLUID = r'"fluid"\s*:\s*true'


def keeps_local_local(subject: Subject) -> Found:
    """A world in a file may be named only by what serves on this machine: `__main__`, or a block under it."""
    good: list[Evidence] = []
    bad: list[Evidence] = []
    for file, url, call in _configured(subject):
        if url.startswith(("sqlite", "memory")):
            main = file.path.endswith("__main__.py") or _under_main(call)
            told = (
                f"{url.partition(':')[0]} is configured for {'this machine only' if main else 'whoever imports this'}"
            )
            (good if main else bad).append(Evidence(told, call.place))
    if bad:
        return found(0, *bad, *good)
    return found(2, *(good or [Evidence("no local world is named in the code: PERDURE_WORLD decides")]))


def has_production_world(subject: Subject) -> Found:
    named = [
        Evidence("PERDURE_WORLD is set", text.place("PERDURE_WORLD"))
        for text in subject.repository.deployments
        if "PERDURE_WORLD" in text.text
    ]
    named += [
        Evidence("a PostgreSQL world is configured", call.place)
        for _, url, call in _configured(subject)
        if url.startswith("postgres")
    ]
    if named:
        return found(2, *named)
    if subject.store is not None and not subject.store.local:
        return found(2, Evidence(f"the world that was named is {subject.store.url}"))
    return unseen("nothing here says which world production has (PERDURE_WORLD in a Dockerfile, compose file or unit)")


def has_workers(subject: Subject) -> Found:
    texts = subject.repository.deployments
    vercel = [text for text in texts if text.path.endswith("vercel.json")]
    if vercel:
        good = [Evidence("fluid compute is on", text.place(_FLUID)) for text in vercel if re.search(_FLUID, text.text)]
        return (
            found(2, *good) if good else found(0, *(Evidence("fluid compute is not on", text.path) for text in vercel))
        )
    good = [
        Evidence("a worker is started", text.place("perdure (?:worker|serve)"))
        for text in texts
        if re.search(r"perdure (?:worker|serve)", text.text)
    ]
    good += [Evidence("the app's life cycle holds a worker", wrap.place) for wrap in subject.app.wraps]
    return (
        found(2, *good) if good else unseen("nothing here says what runs the workers, and that they outlive a request")
    )


def keeps_names(subject: Subject) -> Found:
    code, gone = subject.code, subject.store.gone if subject.store is not None else ()
    if gone:
        told = "and today's code has none of that name: it will be parked"
        return found(0, *(Evidence(f"{seen.text}, {told}", seen.run_id) for seen in gone))
    named = [each for each in code.workflows if not is_none(code.option(each, "workflow", "name"))]
    gate = _gate(subject)
    if gate or len(named) == len(code.workflows):
        return found(2, *gate, *(Evidence(f"{each.qualname} has a name of its own", each.place) for each in named))
    loose = [each for each in code.workflows if each not in named]
    return found(
        1,
        *_kept(subject),
        *(
            Evidence(f"{each.qualname} is recorded by its module and function, and nothing guards them", each.place)
            for each in loose
        ),
    )


def keeps_schemas(subject: Subject) -> Found:
    code, gate = subject.code, _gate(subject)
    versions = [
        Evidence(f"{each.qualname} has a version", each.place)
        for each in code.workflows
        if not is_none(code.option(each, "workflow", "version"))
    ]
    patches = [
        Evidence(f"{body.qualname} keeps the old path with patched()", call.place)
        for body in code.bodies
        for call in code.ours(body, "patched")
    ]
    fitting = _recorded(subject)
    if subject.store is not None and subject.store.misfits:
        told = "which today's parameters don't fit"
        misfits = [Evidence(f"{seen.text}, {told}", seen.run_id) for seen in subject.store.misfits]
        return found(1 if gate else 0, *misfits, *gate, *patches, *versions)
    if gate or patches:
        return found(2, *gate, *patches, *versions, *fitting)
    if typed(subject).score == 2:
        return found(
            1,
            *versions,
            *_kept(subject),
            *fitting,
            Evidence("inputs are typed, so that a misfit is told; no recorded run is tried before a deploy"),
        )
    return found(0, Evidence("inputs have no types, and no recorded run is tried before a deploy"))


def _configured(subject: Subject) -> list[tuple[File, str, Call]]:
    """The worlds that are named literally, and where."""
    found: list[tuple[File, str, Call]] = []
    for file in subject.code.files:
        for call in subject.code.ours(file, "configure"):
            url = constant(keyword(call.node, "world") or next(iter(call.node.args), None))
            if isinstance(url, str):
                found.append((file, url, call))
    return found


def _under_main(call: Call) -> bool:
    return any(isinstance(each, ast.If) and "__main__" in ast.unparse(each.test) for each in call.spot.around)


def _gate(subject: Subject) -> list[Evidence]:
    """Where recorded runs are tried with today's code before a deploy."""
    return [
        Evidence("recorded runs are tried", text.place(_GATE))
        for text in subject.repository.pipelines
        if re.search(_GATE, text.text)
    ]


def _recorded(subject: Subject) -> list[Evidence]:
    """That all recorded inputs fit. One deployment alone shows no change."""
    store = subject.store
    if store is None or not store.read or store.misfits:
        return []
    many = f"{len(store.deployments)} deployments" if len(store.deployments) > 1 else "one deployment"
    return [Evidence(f"today's parameters fit what {store.read} recorded runs of {many} were started with")]


def _kept(subject: Subject) -> list[Evidence]:
    """Histories of these workflows; that they are tried is another matter."""
    names = set(subject.code.names)
    return [
        Evidence(f"a history of {name} is kept", path) for path, name in subject.repository.histories if name in names
    ]


SECTION = Section(
    "Deploying",
    (
        Item(
            id="local-world",
            text="Local World is used only locally.",
            check=keeps_local_local,
            risk=1,
            fix="leave the world to PERDURE_WORLD, and configure a local one in __main__ only",
        ),
        Item(
            id="production-world",
            text="Production uses Vercel World or explicit production World.",
            check=has_production_world,
            risk=1,
            fix="set PERDURE_WORLD where it is deployed: postgresql://…, or one SQLite file on a disk that is backed up",
        ),
        Item(
            id="compute",
            check=has_workers,
            risk=2,
            text="Fluid compute is enabled on Vercel; elsewhere, workers outlive requests.",
            fix="run `perdure worker`, or an app under `wrap`, where processes live on after an answer",
        ),
        Item(
            id="stable-names",
            text="Workflow function names and file paths are treated as stable.",
            check=keeps_names,
            risk=1,
            fix="give each workflow and step a name=, or run `perdure check --against` before a deploy",
        ),
        Item(
            id="schemas",
            text="Input/output schema changes are backward-compatible or versioned.",
            check=keeps_schemas,
            risk=2,
            fix="keep histories (`perdure export`) and try them with `perdure check --against` in CI; patched() for changes",
        ),
    ),
)
