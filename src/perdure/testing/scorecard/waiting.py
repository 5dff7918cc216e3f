"""Items about waits: for time, for people, for other programs."""

import ast

from perdure.replay.linter.decorator import is_ours
from perdure.replay.linter.spot import Spot
from perdure.testing.scorecard.card import Evidence, Found, Item, Section, found, nothing, share, unseen
from perdure.testing.scorecard.code import Call, constant
from perdure.testing.scorecard.subject import Subject

_LONG_S = 10


def sleeps(subject: Subject) -> Found:
    code, good, bad = subject.code, list[Evidence](), list[Evidence]()
    blocking = [each for each in subject.findings if each.message.startswith("time.sleep")]
    bad += [Evidence(each.message, f"{each.file}:{each.line}") for each in blocking]
    for body in code.bodies:
        for call in code.ours(body, "sleep", "timeout"):
            good.append(Evidence(f"{body.qualname} waits with {ast.unparse(call.node)[:60]}", call.place))
    for step in code.steps:
        told = f"{step.qualname} sleeps in a step, which a crash begins anew"
        bad += [Evidence(told, call.place) for call in code.calls(step) if _sleeps_long(call)]
    return share(good, bad) if good or bad else nothing("nothing waits for time")


def asks_people(subject: Subject) -> Found:
    hooks = [Evidence("a hook", use.place) for use in subject.hooks if use.kind == "hook"]
    polls = [
        Evidence(f"{body.qualname} polls: a loop that sleeps and asks again", body.file.place(spot.node))
        for body in subject.code.bodies
        for spot in subject.code.spots(body)
        if isinstance(spot.node, ast.While | ast.For) and _polls(subject, spot)
    ]
    if hooks:
        return found(2, *hooks)
    if polls:
        return found(1, *polls)
    if _approves_tools(subject):
        return found(2, Evidence("tools wait for an approval, which is a hook"))
    return nothing("no workflow was seen to wait for a person")


def takes_callbacks(subject: Subject) -> Found:
    if not subject.hooks:
        return nothing("no workflow was seen to wait for anybody outside")
    ways = [Evidence("a webhook", use.place) for use in subject.hooks if use.kind == "webhook"]
    ways += [Evidence(f"{route.name} resumes", route.place) for route in subject.app.routes if route.resumes]
    served = subject.app.served("hooks")
    ways += [Evidence("perdure's own route resumes", served.place)] if served else []
    if ways:
        return found(2, *ways)
    if not subject.app.there:
        return unseen("no app was found beside the workflows: what resumes the hooks?")
    return found(0, *(Evidence("no route resumes this hook", use.place) for use in subject.hooks))


def names_tokens(subject: Subject) -> Found:
    if not subject.hooks:
        return nothing("there is no hook")
    good: list[Evidence] = []
    bad: list[Evidence] = []
    for use in subject.hooks:
        fine = use.token == "namespaced" or (use.kind == "webhook" and use.token == "random")
        (good if fine else bad).append(Evidence(f"its token is {use.token}", use.place))
    return share(good, bad)


def authorizes(subject: Subject) -> Found:
    """A route that knows its caller and turns some away; a webhook that senders sign; perdure's routes with authorize=."""
    good: list[Evidence] = []
    half: list[Evidence] = []
    bad: list[Evidence] = []
    for route in subject.app.routes:
        if route.resumes:
            place = half if route.known != route.guarded else good if route.guarded else bad
            told = (
                "knows its caller, and turns some away"
                if place is good
                else "asks who calls, and turns nobody away"
                if route.known
                else ("turns some away without asking who calls" if route.guarded else "lets everybody resume")
            )
            place.append(Evidence(f"{route.name} {told}", route.place))
    for use in subject.hooks:
        if use.kind == "webhook":
            (good if use.verified else bad).append(
                Evidence("the webhook is signed" if use.verified else "the webhook takes what anybody sends", use.place)
            )
    served = subject.app.served("hooks") or subject.app.chat
    if served:
        (good if served.authorized else bad).append(
            Evidence(
                "perdure's routes ask authorize="
                if served.authorized
                else "nobody is asked: authorize= is missing, or lets all in",
                served.place,
            )
        )
    if good or half or bad:
        return found(0 if bad else 1 if half else 2, *bad, *half, *good)
    return (
        unseen("what resumes the hooks wasn't found") if subject.hooks else nothing("nothing is resumed from outside")
    )


def times_out(subject: Subject) -> Found:
    if not subject.hooks:
        return nothing("there is no wait for anybody outside")
    good = [Evidence("the wait ends by itself", use.place) for use in subject.hooks if use.limited]
    bad = [
        Evidence("the wait may last for ever: race() it with a sleep, or give it a timeout", use.place)
        for use in subject.hooks
        if not use.limited
    ]
    return share(good, bad)


def _sleeps_long(call: Call) -> bool:
    seconds = constant(next(iter(call.node.args), None))
    return call.meaning in ("time.sleep", "asyncio.sleep") and isinstance(seconds, int | float) and seconds >= _LONG_S


def _polls(subject: Subject, spot: Spot) -> bool:
    calls = [each for each in ast.walk(spot.node) if isinstance(each, ast.Call)]
    meanings = [subject.code.meaning(each.func, spot.scope) for each in calls]
    steps = {id(step.node) for step in subject.code.steps}
    return any(is_ours(each, "sleep") for each in meanings) and any(
        id(getattr(each, "node", None)) in steps for each in meanings
    )


def _approves_tools(subject: Subject) -> bool:
    spots = [spot for file in subject.code.files for spot in subject.code.spots(file)]
    return any(isinstance(spot.node, ast.keyword) and spot.node.arg == "needs_approval" for spot in spots)


SECTION = Section(
    "Waits and hooks",
    (
        Item(
            id="sleep",
            text="Time waits use `sleep()`.",
            check=sleeps,
            risk=2,
            fix="wait with perdure's sleep() in the body: it holds no process, and survives it",
        ),
        Item(
            id="approval-hooks",
            text="Human approval uses hooks.",
            check=asks_people,
            risk=2,
            fix="wait for the person with a hook, instead of asking a table again and again",
        ),
        Item(
            id="callbacks",
            text="HTTP callbacks use webhooks or server-side hook resume routes.",
            check=takes_callbacks,
            risk=2,
            fix="create_webhook(verify=…) for other programs; a route that calls the hook's resume() for people",
        ),
        Item(
            id="tokens",
            text="Hook tokens are deterministic and namespaced.",
            check=names_tokens,
            risk=2,
            fix='define_hook(…, prefix="refund-approval"), then .create(order_id): who resumes can work the token out',
        ),
        Item(
            id="resume-authorized",
            text="Hook resume endpoints authenticate and authorize callers.",
            check=authorizes,
            risk=1,
            fix="ask who calls, hold it against the hook's metadata, and answer 403; webhooks: verify=",
        ),
        Item(
            id="timeouts",
            text="Long waits have timeout paths where appropriate.",
            check=times_out,
            risk=2,
            fix="race(hook, sleep(…)), async with timeout(…), or expires=: somebody will never answer",
        ),
    ),
)
