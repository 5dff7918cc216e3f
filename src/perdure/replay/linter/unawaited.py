"""Forgotten awaits: calls that make something to wait for, where nobody can be waiting for it.

What is handed on is left alone (to `gather`, a task, another function, a container, a name that is used), as are functions
that nothing certain is known of.
"""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from perdure.replay.linter.bindings import Function
from perdure.replay.linter.decorator import decorator_of, is_ours
from perdure.replay.linter.kinds import Known, kind_of
from perdure.replay.linter.names import Defined, Scope
from perdure.replay.linter.rules import AWAITED, AWAITED_METHODS, UNAWAITED, Rule
from perdure.replay.linter.spot import Spot, spots_of

_OF_COROUTINES = {"close", "send", "throw", "cr_await", "cr_code", "cr_frame", "cr_origin", "cr_running"}
_FUTURES = {"asyncio.gather"}


def unawaited_in(defined: Defined, known: Known) -> Iterator[tuple[ast.expr, Rule, str]]:
    """The places in a function, those in functions within aside: these are examined where they are called."""
    spots = [*spots_of(defined.node, defined.scope)]
    own = [spot for spot in spots if not any(isinstance(each, Function | ast.ClassDef) for each in spot.around[1:])]
    for spot in own:
        if isinstance(spot.node, ast.Call):
            what = _made_by(spot.node, spot.scope, known)
            if what and _Uses(defined, spots).is_lost(spot, what):
                yield spot.node, replace(UNAWAITED, instead=f"await {ast.unparse(spot.node.func)}(…)"), what
        match spot.node:
            case ast.Expr(ast.Name(name) as named) if kind_of(named, spot.scope, known) == "Hook":
                yield named, replace(UNAWAITED, instead=f"await {name}"), f"the hook {name!r}"
            case _:
                pass


def _made_by(call: ast.Call, scope: Scope, known: Known) -> str:
    """What a call makes that must be awaited, in words; "": nothing, or nobody knows."""
    name = ast.unparse(call.func)
    called = scope.resolve(call.func)
    if isinstance(called, Defined):
        return _made_by_function(called, name)
    if isinstance(called, str) and called in AWAITED:
        return f"{name}()"
    held = scope.value(call.func)
    if held is not None and isinstance(held.expression, ast.Call):  # acting = step(function)
        made = held.scope.resolve(held.expression.func)
        return next((f"the {word} {name}()" for word in ("step", "workflow") if is_ours(made, word)), "")
    if isinstance(call.func, ast.Attribute):
        method = f"{kind_of(call.func.value, scope, known)}.{call.func.attr}"
        return f"{name}()" if method in AWAITED_METHODS else ""
    return ""


def _made_by_function(called: Defined, name: str) -> str:
    for word in ("step", "workflow"):
        if decorator_of(called, word) is not None:
            return f"the {word} {name}()"
    if not isinstance(called.node, ast.AsyncFunctionDef) or called.node.decorator_list:
        return ""
    yields = (spot for spot in spots_of(called.node, called.scope) if isinstance(spot.node, ast.Yield))
    generates = any(not any(isinstance(each, Function | ast.Lambda) for each in spot.around[1:]) for spot in yields)
    return "" if generates else f"{name}()"


class _Given(NamedTuple):
    """A name that it is given. `held`: within a tuple or list."""

    name: str
    held: bool


class _Uses:
    """What becomes of a value in a function, whose spots these are."""

    def __init__(self, defined: Defined, spots: list[Spot]) -> None:
        self._defined, self._spots = defined, spots

    def is_lost(self, spot: Spot, what: str) -> bool:
        """Whether it is dropped, or used as if it were what one gets by waiting."""
        end = self._end_of(spot, what)
        if not isinstance(end, _Given):
            return end
        found = spot.scope.find(end.name)
        if found is None or found[0].node is not self._defined.node or len(found[1]) > 1:
            return False
        named = (each for each in self._spots if isinstance(each.node, ast.Name) and each.node.id == end.name)
        uses = [each for each in named if isinstance(each.node, ast.Name) and isinstance(each.node.ctx, ast.Load)]
        return not uses if end.held else all(self._end_of(use, what) is True for use in uses)

    def _end_of(self, spot: Spot, what: str) -> bool | _Given:
        """True: it's lost; False: somebody may await it."""
        node, held = spot.node, False
        for place, outer in reversed([*enumerate(spot.around)]):
            match outer:
                case ast.Tuple() | ast.List():
                    held = True
                case ast.ListComp(elt=made) if made is node:
                    held = True
                case ast.IfExp(test=test) if test is not node:
                    pass
                case ast.BoolOp(values=values) if values[-1] is node:
                    pass
                case ast.Expr():
                    return True
                case ast.Assign(targets=[ast.Name(name)]):
                    return _Given(name, held)
                case ast.Return():
                    return not held and self._is_result(spot.around[:place])
                case _:
                    return not held and _is_used(outer, node, spot.around[:place], spot.scope, what)
            node = outer
        return False

    def _is_result(self, around: tuple[ast.AST, ...]) -> bool:
        """Whether what is returned here is the workflow's result."""
        functions = [each for each in around if isinstance(each, Function | ast.Lambda)]
        return functions == [self._defined.node] and decorator_of(self._defined, "workflow") is not None


def _is_used(outer: ast.AST, node: ast.AST, around: tuple[ast.AST, ...], scope: Scope, what: str) -> bool:
    """Whether it's taken for something else than a thing to wait for."""
    match outer:
        case ast.If() | ast.While() | ast.IfExp() | ast.Assert():
            return outer.test is node
        case ast.BoolOp() | ast.BinOp() | ast.Compare() | ast.UnaryOp() | ast.FormattedValue() | ast.Starred():
            return True
        case ast.Subscript(value=value) | ast.Match(subject=value):
            return value is node
        case ast.For(iter=walked):
            return walked is node
        case ast.comprehension(iter=walked, ifs=ifs):
            return walked is node or any(each is node for each in ifs)
        case ast.Attribute(attr=name):
            return name not in _OF_COROUTINES and not any(what.startswith(future) for future in _FUTURES)
        case ast.keyword():
            return isinstance(around[-1], ast.Call) and _is_used(around[-1], outer, around[:-1], scope, what)
        case ast.Call(func):
            called = scope.resolve(func)
            durable = isinstance(called, Defined) and (decorator_of(called, "step") or decorator_of(called, "workflow"))
            return outer.func is not node and (bool(durable) or called == "perdure.start")
        case _:
            return False
