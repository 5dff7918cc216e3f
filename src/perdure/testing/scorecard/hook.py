"""The hooks that bodies wait for, by reading them: their tokens, who may send, and whether the waits end by themselves."""

import ast
from typing import Literal, NamedTuple

from perdure.replay.linter.decorator import is_ours
from perdure.replay.linter.names import Value
from perdure.replay.linter.spot import Spot
from perdure.testing.scorecard.code import Call, Code, Routine, constant, is_none, keyword

Token = Literal["namespaced", "bare", "one for all", "random", "by chance"]
"""`bare`: of the run, without a namespace. `one for all`: the same for each run. `random`: perdure's own, secret."""
_CHANCE = {"random", "uuid1", "uuid4", "uuid7", "token_hex", "token_urlsafe", "token_bytes", "time", "now"}


class HookUse(NamedTuple):
    """`limited`: each wait for it has a timeout, or it expires. `verified`: of a webhook, that senders sign."""

    place: str
    kind: Literal["hook", "webhook"]
    token: Token
    limited: bool
    verified: bool


def hooks_of(code: Code) -> list[HookUse]:
    """All that the bodies create."""
    covered = _covered(code)
    return [use for body in code.bodies for call in code.calls(body) for use in _uses(code, body, call, covered)]


def is_limit(code: Code, spot: Spot) -> bool:
    """Whether what happens here ends after a time: in a timeout, a wait_for, or a race with something else."""
    for around in spot.around:
        if isinstance(around, ast.AsyncWith):
            calls = [item.context_expr for item in around.items if isinstance(item.context_expr, ast.Call)]
            if any(_is_timeout(code, call, spot) for call in calls):
                return True
        if isinstance(around, ast.Call):
            meaning = code.meaning(around.func, spot.scope)
            if is_ours(meaning, "race") and len(around.args) > 1:
                return True
            if meaning == "asyncio.wait_for" or (is_ours(meaning, "wait") and keyword(around, "timeout")):
                return True
    return False


def _is_timeout(code: Code, call: ast.Call, spot: Spot) -> bool:
    meaning = code.meaning(call.func, spot.scope)
    return is_ours(meaning, "timeout") or meaning in {"asyncio.timeout", "asyncio.timeout_at"}


def _covered(code: Code) -> set[int]:
    """The bodies that end after a time as a whole: by their own timeout, or wherever they are called."""
    covered = {id(body.node) for body in code.workflows if not is_none(code.option(body, "workflow", "timeout"))}
    called: dict[int, list[bool]] = {}
    for body in code.bodies:
        for _, spot, _, meaning in code.calls(body):
            if isinstance(meaning, Routine):
                called.setdefault(id(meaning.node), []).append(id(body.node) in covered or is_limit(code, spot))
    roots = {id(body.node) for body in code.workflows}
    return covered | {node for node, limits in called.items() if node not in roots and all(limits)}


def _uses(code: Code, body: Routine, made: Call, covered: set[int]) -> list[HookUse]:
    call, spot, place, meaning = made
    webhook = is_ours(meaning, "create_webhook")
    kind = definition_of(code, call, spot) if not webhook else None
    if kind is None and not webhook and not is_ours(meaning, "create_hook"):
        return []
    token = _token(keyword(call, "token")) if kind is None else _keyed(kind, call)
    limited = (
        not is_none(keyword(call, "expires"))
        or id(body.node) in covered
        or _waits_are_limited(code, body, _name_of(call, spot), spot)
    )
    return [
        HookUse(
            place=place,
            kind="webhook" if webhook else "hook",
            token=token,
            limited=limited,
            verified=not is_none(keyword(call, "verify")),
        )
    ]


def definition_of(code: Code, call: ast.Call, spot: Spot, method: str = "create") -> Value | None:
    """The `define_hook` whose method is called."""
    if not (isinstance(call.func, ast.Attribute) and call.func.attr == method):
        return None
    held = code.meaning(call.func.value, spot.scope)
    if isinstance(held, Value) and isinstance(held.expression, ast.Call):
        return held if is_ours(code.meaning(held.expression.func, held.scope), "define_hook") else None
    return None


def _keyed(kind: Value, call: ast.Call) -> Token:
    key = call.args[0] if call.args else keyword(call, "key")
    if key is None or isinstance(key, ast.Constant):
        return "one for all"
    return "by chance" if _by_chance(key) else "namespaced"


def _token(token: ast.expr | None) -> Token:
    if is_none(token):
        return "random"
    assert token is not None
    if isinstance(token, ast.Constant):
        return "one for all"
    if _by_chance(token):
        return "by chance"
    first = token.values[0] if isinstance(token, ast.JoinedStr) and token.values else token
    first = first.left if isinstance(first, ast.BinOp) else first
    text = str(constant(first) or "")
    return "namespaced" if text[:1].isalnum() and text[-1] in ":/-_." else "bare"


def _by_chance(expression: ast.expr) -> bool:
    """What nobody outside can work out again."""
    names = {node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "") for node in ast.walk(expression)}
    return not names.isdisjoint(_CHANCE)


def _name_of(call: ast.Call, spot: Spot) -> str:
    """What the hook is called in the body; "" where it is waited for at once."""
    for around in reversed(spot.around):
        match around:
            case ast.AsyncWith(items) | ast.With(items):
                names = [item.optional_vars for item in items if item.context_expr is call]
                return names[0].id if names and isinstance(names[0], ast.Name) else ""
            case ast.Assign([ast.Name(name)]):
                return name
            case _:
                pass
    return ""


def _waits_are_limited(code: Code, body: Routine, name: str, made: Spot) -> bool:
    if not name:
        return is_limit(code, made)
    waits = [
        spot
        for spot in code.spots(body)
        if isinstance(spot.node, ast.Name) and spot.node.id == name and _is_wait(code, spot)
    ]
    return bool(waits) and all(is_limit(code, spot) for spot in waits)


def _is_wait(code: Code, spot: Spot) -> bool:
    parent = spot.around[-1]
    if isinstance(parent, ast.Await) or (isinstance(parent, ast.AsyncFor) and parent.iter is spot.node):
        return True
    meaning = code.meaning(parent.func, spot.scope) if isinstance(parent, ast.Call) else None
    return is_ours(meaning, "race", "wait", "as_completed") or meaning in {"asyncio.gather", "asyncio.wait_for"}
