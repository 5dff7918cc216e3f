"""The inspector's part of the OpenAPI document."""

from typing import Any

from perdure.http.frame import SSE
from perdure.http.schema import (
    START,
    STATUS,
    TEXT,
    Entry,
    Operation,
    answer_of,
    json_of,
    object_of,
    parameter,
    refusals,
)
from perdure.model.log import LEVELS

NUMBER: Operation = {"type": "integer"}
FLAG: Operation = {"type": "boolean"}
ITEM: Operation = {"type": "object"}
RUN_ID = parameter("path", "runId", "the run's id, or a beginning that only one has")
LIMIT = parameter("query", "limit", "how many items at most, up to 1000", NUMBER)
CURSOR = parameter("query", "cursor", "as the page before gave it")
DATA = parameter("query", "withData", "inputs, results, metadata and event data too", FLAG)
PAGE = (LIMIT, CURSOR)
FILTERS = (
    parameter("query", "status", "in this state; repeatable", STATUS),
    parameter("query", "workflow", "of this workflow"),
    parameter("query", "since", "started since, ISO 8601"),
    parameter("query", "until", "started before, ISO 8601"),
    parameter("query", "attr", "key=value; repeatable"),
    parameter("query", "q", "a beginning of the id, or part of the workflow's name or of an attribute's value"),
)
STEP_STATUS = parameter("query", "status", "in this state; repeatable")
NAMESPACE = parameter("query", "namespace", "which of the run's streams; the default one has none")
LISTED = object_of({"items": {"type": "array", "items": ITEM}, "cursor": {"type": ["string", "null"]}})


def _read(path: str, summary: str, *parameters: Operation, shape: Operation = LISTED) -> Entry:
    answer = answer_of(200, "as `perdure inspect` has it in JSON", json_of(shape))
    missing = (404,) if "{" in path else ()
    responses = answer | refusals(400, 401, 403, *missing, 503)
    return (
        "inspector",
        f"/api/v1/{path}",
        "get",
        {"summary": summary, "parameters": [*parameters], "responses": responses},
    )


def _live(path: str, summary: str, *parameters: Operation) -> Entry:
    name, place, method, operation = _read(path, summary, *parameters)
    told = answer_of(200, "events, for as long as somebody listens", {SSE: {"schema": TEXT}})
    return name, place, method, {**operation, "responses": operation["responses"] | told}


def _act(path: str, summary: str, fields: dict[str, Any], answer: dict[str, Any], status: int = 200) -> Entry:
    parameters = [parameter("path", part[1:-1], "which") for part in path.split("/") if part.startswith("{")]
    operation = {
        "summary": summary,
        "parameters": parameters,
        "requestBody": {"content": json_of({"type": "object", "properties": fields, "additionalProperties": False})},
        "responses": answer_of(status, "what came of it", json_of(object_of(answer)))
        | refusals(400, 401, 403, 404, 408, 413, 415, 422, 503),
    }
    return "inspector", f"/api/v1/{path}", "post", operation


CANCEL = {"reason": TEXT, "now": FLAG, "grace": {"type": ["string", "number"]}}
IDS = {"runIds": {"type": "array", "items": TEXT, "minItems": 1, "maxItems": 1000}}
OUTCOMES = {
    "items": {
        "type": "array",
        "items": object_of({"runId": TEXT, "ok": FLAG, "newRunId": TEXT, "error": ITEM}, ("runId", "ok")),
    }
}

INSPECTOR: tuple[Entry, ...] = (
    _read("session", "Who looks at which world, and may they act", shape=ITEM),
    _read("runs", "Runs, the newest first", *FILTERS, *PAGE, DATA),
    _read("runs/{runId}", "One run", RUN_ID, DATA, shape=ITEM),
    _read("runs/{runId}/timeline", "Where a run's time went", RUN_ID, shape=ITEM),
    _read("runs/{runId}/steps", "A run's steps", RUN_ID, STEP_STATUS, *PAGE, DATA),
    _read("runs/{runId}/events", "A run's log", RUN_ID, *PAGE, DATA),
    _read("runs/{runId}/hooks", "A run's hooks", RUN_ID, *PAGE, DATA),
    _read("runs/{runId}/waits", "A run's sleeps and timeouts", RUN_ID, *PAGE),
    _read("runs/{runId}/streams", "A run's streams", RUN_ID, *PAGE),
    _read("runs/{runId}/children", "The runs that a run has started", RUN_ID, *PAGE, DATA),
    _read("runs/{runId}/forks", "The runs that were forked from a run", RUN_ID, *PAGE, DATA),
    _read("runs/{runId}/chunks", "What is in a stream", RUN_ID, NAMESPACE, START, LIMIT, shape=ITEM),
    _read(
        "runs/{runId}/logs",
        "What a run's steps logged",
        RUN_ID,
        parameter("query", "step", "of this step: its name or an end of it, its id or a beginning"),
        parameter("query", "level", "from this level on", {"enum": [*LEVELS]}),
        *PAGE,
    ),
    _read("steps", "Steps of all runs, the newest run's first", STEP_STATUS, *FILTERS[1:], *PAGE, DATA),
    _read(
        "steps/{stepId}",
        "One step, with its data and attempts",
        parameter("path", "stepId", "the step's id"),
        parameter("query", "run", "the run that it is of: without it all logs are searched"),
        shape=ITEM,
    ),
    _read("hooks", "Hooks that wait for a payload", *PAGE, DATA),
    _read("workers", "Workers", *PAGE),
    _read("workflows", "Workflows, with figures of their newest runs", *PAGE),
    _live("live", "Runs that are new or have changed", *FILTERS),
    _live("runs/{runId}/live", "What changes in a run", RUN_ID),
    _live("runs/{runId}/chunks/live", "A stream, as it is written", RUN_ID, NAMESPACE, START),
    _act("runs/{runId}/cancel", "Ask a run to end", CANCEL, {"runId": TEXT, "accepted": FLAG}),
    _act("runs/{runId}/retry", "Let a blocked or failed run go on", {}, {"runId": TEXT}),
    _act("runs/{runId}/rerun", "Start a new run with the same input", {}, {"runId": TEXT}),
    _act("runs/{runId}/wake", "End a run's pending sleeps", {}, {"runId": TEXT, "woken": NUMBER}),
    _act("runs/cancel", "Ask runs to end", CANCEL | IDS, OUTCOMES),
    _act("runs/retry", "Let blocked or failed runs go on", IDS, OUTCOMES),
    _act("runs/rerun", "Start new runs with the same inputs", IDS, OUTCOMES),
    _act("runs/wake", "End the pending sleeps of runs", IDS, OUTCOMES),
    _act("hooks/{token}/resume", "Send a payload to a hook", {"payload": {}}, {"runId": TEXT, "hookId": TEXT}, 202),
)
