"""The app around the workflows, by reading it: its own routes, and those that `wrap` serves."""

import ast
from typing import NamedTuple

from perdure.replay.linter.bindings import Function
from perdure.replay.linter.decorator import is_ours
from perdure.replay.linter.names import Value
from perdure.replay.linter.spot import Spot
from perdure.testing.scorecard.code import Call, Code, Routine, constant, is_none, keyword
from perdure.testing.scorecard.hook import definition_of

_METHODS = {"get", "post", "put", "patch", "delete", "route", "api_route", "websocket"}
_TABLES = {"Route", "path", "re_path", "add_route", "add_api_route", "add_url_rule"}
_GUARDS = ("login_required", "permission_required", "user_passes_test", "requires", "authenticated", "authorize")
_FORBIDDEN = {401, 403}
_FORBIDDEN_NAMES = {"HTTP_401_UNAUTHORIZED", "HTTP_403_FORBIDDEN", "UNAUTHORIZED", "FORBIDDEN", "PermissionDenied"}
_WHO = {"Depends", "Security", "Header", "Cookie"}


class RouteUse(NamedTuple):
    """What one route does. `known`: it learns who calls; `guarded`: it turns some callers away."""

    place: str
    name: str
    starts: bool
    accepted: bool
    tells_run: bool
    looks: bool
    resumes: bool
    known: bool
    guarded: bool
    streams: bool
    from_index: bool
    run_header: bool


class Wrapped(NamedTuple):
    """One use of `wrap`."""

    place: str
    routes: tuple[str, ...]
    authorized: bool
    chat: bool


class App(NamedTuple):
    routes: tuple[RouteUse, ...]
    wraps: tuple[Wrapped, ...]

    @property
    def there(self) -> bool:
        """Whether there is an app at all."""
        return bool(self.routes or self.wraps)

    def served(self, name: str) -> Wrapped | None:
        """The wrap that serves perdure's own routes of this name."""
        return next((wrap for wrap in self.wraps if name in wrap.routes), None)

    @property
    def chat(self) -> Wrapped | None:
        return next((wrap for wrap in self.wraps if wrap.chat), None)


def app_of(code: Code) -> App:
    """What the files serve over HTTP."""
    routes = [_route(code, routine) for routine in _endpoints(code)]
    wraps = [wrap for file in code.files for call in code.calls(file) for wrap in _wraps(code, call)]
    return App(tuple(routes), tuple(wraps))


def _endpoints(code: Code) -> list[Routine]:
    found = {
        id(each.node): each for each in code.routines if any(_is_route(code, d, each) for d in each.node.decorator_list)
    }
    for file in code.files:
        for call, spot, _, _ in code.calls(file):
            if _last(call.func) in _TABLES:
                for given in (*call.args, *(each.value for each in call.keywords)):
                    meaning = code.meaning(given, spot.scope) if isinstance(given, ast.Name | ast.Attribute) else None
                    if isinstance(meaning, Routine) and isinstance(meaning.node, Function):
                        found.setdefault(id(meaning.node), meaning)
    return [*found.values()]


def _is_route(code: Code, decorator: ast.expr, routine: Routine) -> bool:
    if not (isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute)):
        return False
    return decorator.func.attr in _METHODS and bool(decorator.args) and not code.decorator(routine, "step")


def _last(expression: ast.expr) -> str:
    return expression.attr if isinstance(expression, ast.Attribute) else getattr(expression, "id", "")


def _route(code: Code, routine: Routine) -> RouteUse:
    reached = code.reached([routine])
    spots = [spot for each in reached for spot in code.spots(each)]
    calls = [call for each in reached for call in code.calls(each)]
    node = routine.node
    assert isinstance(node, Function)
    decorated = [inner for decorator in node.decorator_list for inner in ast.walk(decorator)]
    names = [call.meaning.rpartition(".") for call in calls if isinstance(call.meaning, str)]
    ours = {name for module, _, name in names if is_ours(f"{module}.{name}", name)}
    resumes = "resume_hook" in ours or any(definition_of(code, call, spot, "resume") for call, spot, _, _ in calls)
    attributes = {spot.node.attr for spot in spots if isinstance(spot.node, ast.Attribute)}
    texts = {
        str(spot.node.value).lower()
        for spot in spots
        if isinstance(spot.node, ast.Constant) and isinstance(spot.node.value, str)
    }
    return RouteUse(
        place=routine.place,
        name=node.name,
        starts="start" in ours,
        accepted=any(
            _is_status(each, {202}, {"HTTP_202_ACCEPTED", "ACCEPTED"})
            for each in (*decorated, *(spot.node for spot in spots))
        ),
        tells_run=bool(texts & {"runid", "run_id", "x-workflow-run-id"}) or "run_id" in attributes,
        looks=bool(ours & {"get_run", "find_run"}) and bool(attributes & {"status", "info", "result", "as_json"}),
        resumes=resumes,
        known=_knows(code, routine) or _is_guarded(node) or "authorization" in texts,
        guarded=_is_guarded(node) or any(_is_status(spot.node, _FORBIDDEN, _FORBIDDEN_NAMES) for spot in spots),
        streams="stream_response" in ours or "chat_response" in ours or "get_readable" in attributes,
        from_index="stream_response" in ours or "chat_response" in ours or any(_has_index(call.node) for call in calls),
        run_header="chat_response" in ours or "x-workflow-run-id" in texts,
    )


def _has_index(call: ast.Call) -> bool:
    return (
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "get_readable"
        and keyword(call, "start_index") is not None
    )


def _is_status(node: ast.AST, numbers: set[int], names: set[str]) -> bool:
    match node:
        case ast.Constant(int(number)):
            return number in numbers
        case ast.Attribute(attr=name) | ast.Name(name):
            return name in names
        case _:
            return False


def _is_guarded(node: Function) -> bool:
    called = [decorator.func if isinstance(decorator, ast.Call) else decorator for decorator in node.decorator_list]
    return any(_last(each).startswith(_GUARDS) for each in called)


def _knows(code: Code, routine: Routine) -> bool:
    """Whether a parameter is worked out by something that looks at the request: `Depends(current_user)`, a header."""
    node = routine.node
    assert isinstance(node, Function)
    given = [
        arg.annotation for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs) if arg.annotation
    ]
    given += [default for default in (*node.args.defaults, *node.args.kw_defaults) if default]
    for expression in given:
        meaning = code.meaning(expression, routine.defined.scope) if isinstance(expression, ast.Name) else None
        whole = meaning.expression if isinstance(meaning, Value) else expression
        if any(_last(inner.func) in _WHO for inner in ast.walk(whole) if isinstance(inner, ast.Call)):
            return True
    return any(
        isinstance(inner, ast.Attribute) and inner.attr in {"user", "session", "auth"} for inner in ast.walk(node)
    )


def _wraps(code: Code, made: Call) -> list[Wrapped]:
    call, spot, place, _ = made
    given = [call.func, *call.args[:1]]  # wrap(app, …), add_middleware(wrap, …), Middleware(wrap, …)
    if not any(
        is_ours(code.meaning(each, spot.scope), "wrap") for each in given if isinstance(each, ast.Name | ast.Attribute)
    ):
        return []
    routes = keyword(call, "routes")
    names = (
        [str(constant(each)) for each in ast.walk(routes) if isinstance(each, ast.Constant)] if routes else ["webhook"]
    )
    authorized = not is_none(keyword(call, "authorize")) and not _lets_all_in(code, keyword(call, "authorize"), spot)
    return [Wrapped(place, tuple(names), authorized, not is_none(keyword(call, "chat")))]


def _lets_all_in(code: Code, authorize: ast.expr | None, spot: Spot) -> bool:
    """Whether it is a function of these files that only returns True."""
    meaning = code.meaning(authorize, spot.scope) if isinstance(authorize, ast.Name | ast.Attribute) else None
    body = meaning.node.body if isinstance(meaning, Routine) else []
    return bool(body) and isinstance(body[-1], ast.Return) and constant(body[-1].value) is True and len(body) == 1
