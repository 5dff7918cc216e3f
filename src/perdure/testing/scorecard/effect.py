"""What a step does outside of its run, by reading it: each call, whether twice is worse than once, and under which key.

What a call does is known by its name alone. What is doubtful counts as unsafe where the object is the program's own or
a library's, and isn't counted where nobody knows the object: a person may answer better.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from perdure.replay.linter.bindings import Function
from perdure.replay.linter.decorator import is_ours
from perdure.replay.linter.kinds import kind_of
from perdure.replay.linter.names import Value
from perdure.replay.linter.rules import CALLS
from perdure.replay.linter.spot import Spot
from perdure.testing.scorecard.code import Code, Meaning, Routine, constant, keyword, shown


def _words(text: str) -> set[str]:
    return set(text.split())


Kind = Literal["read", "safe", "unsafe"]
"""`safe`: it changes something, and twice is the same as once."""
Key = Literal["", "step id", "key", "transaction"]
"""`key`: one that isn't the step's id."""
_READS = _words(
    """get head options read find list fetch select search query lookup look count exists has is describe items keys
    values check load peek stat metrics status iterdir glob rglob open walk scandir readlink access listdir lexists isfile
    isdir islink getsize getmtime most total index copy result json getresponse raise fetchone fetchall
    fetchval fetchmany close aclose commit rollback begin connect cursor"""
)
_SAFE = _words(
    """put delete unlink mkdir makedirs rmdir rmtree touch chmod write_text write_bytes replace discard utime symlink
    remove removedirs setex"""
)
_ACTS = _words(
    """post patch send execute executemany charge refund pay capture transfer publish enqueue upload notify submit erase
    insert save upsert create email sendmail"""
)
_PLAIN = {"dict", "list", "set", "Counter", "defaultdict", "deque", "OrderedDict"}
_KEYED = re.compile(r"idempot|dedup|client_?token|request_?id", re.IGNORECASE)
_RELATIVE = re.compile(r"\bset\b.*?(\w+)\s*=\s*\1\s*[-+*/|]", re.IGNORECASE | re.DOTALL)
_CONFLICT = re.compile(
    r"\bon\s+conflict\b|\bon\s+duplicate\s+key\b|\binsert\s+or\s+|\bwhere\s+not\s+exists\b", re.IGNORECASE
)
_DEPTH_MAX = 5


class Effect(NamedTuple):
    """`what` is the call as the step has it; `sql` the statement that it gives, "" where it gives none that is known."""

    place: str
    what: str
    kind: Kind
    key: Key
    sql: str = ""


def effects_of(code: Code, step: Routine) -> list[Effect]:
    """What a step does outside, the functions that it calls in these files included. One line is one effect."""
    transaction = constant(code.option(step, "step", "transaction")) is True
    found: dict[tuple[str, str], Effect] = {}
    for effect in _effects(code, step, set(), 0, transaction=transaction):
        known = found.get((effect.place, effect.what))
        if known is None or _weight(effect) > _weight(known):
            found[effect.place, effect.what] = effect
    return [*found.values()]


def _weight(effect: Effect) -> tuple[int, bool]:
    """The worst counts for a call that does several things."""
    return ("read", "safe", "unsafe").index(effect.kind), not effect.key


def _effects(code: Code, routine: Routine, keys: set[str], depth: int, *, transaction: bool) -> Iterator[Effect]:
    spots = code.spots(routine)
    keys = _keys(spots, keys)
    clients = {name for spot in spots for name in _clients(code, spot)}
    for call, spot, place, meaning in code.calls(routine):
        kind = _kind(code, spot, meaning, clients)
        if kind is not None:
            sql = _sql(code, call, spot)
            kind, key = (_kind_of_sql(sql) if sql else kind), _key(call, keys)
            yield Effect(place, f"{shown(call.func)}()", kind, key or ("transaction" if transaction else ""), sql)
        elif isinstance(meaning, Routine) and isinstance(meaning.node, Function) and depth < _DEPTH_MAX:
            handed = _handed(meaning.node, call, keys)
            for effect in _effects(code, meaning, handed, depth + 1, transaction=transaction):
                yield effect._replace(place=place, what=f"{shown(call.func)}()")


def _keys(spots: Iterable[Spot], known: set[str]) -> set[str]:
    """The names that hold a step's id, or something made with it."""
    names = set(known)
    assigns = [spot.node for spot in spots if isinstance(spot.node, ast.Assign | ast.AnnAssign | ast.NamedExpr)]
    for _ in range(2):  # a name may be used above the line that gives it the key, in a loop
        for node in assigns:
            if node.value is not None and _holds(node.value, names):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names |= {inner.id for target in targets for inner in ast.walk(target) if isinstance(inner, ast.Name)}
    return names


def _holds(expression: ast.AST, names: set[str]) -> bool:
    return any(
        (isinstance(node, ast.Attribute) and node.attr == "step_id")
        or (isinstance(node, ast.Name) and node.id in names)
        for node in ast.walk(expression)
    )


def _key(call: ast.Call, names: set[str]) -> Key:
    given = [*call.args, *(each.value for each in call.keywords)]
    inside = call.func.value if isinstance(call.func, ast.Attribute) else None  # client.with_key(key).post(…)
    if any(_holds(each, names) for each in (*given, *([inside] if inside else []))):
        return "step id"
    named = [each.arg or "" for each in call.keywords]
    named += [
        str(constant(key))
        for each in given
        for node in ast.walk(each)
        if isinstance(node, ast.Dict)
        for key in node.keys
    ]
    return "key" if any(_KEYED.search(name) for name in named) else ""


def _handed(node: Function, call: ast.Call, names: set[str]) -> set[str]:
    """The parameters that are given the key."""
    parameters = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args) if arg.arg not in ("self", "cls")]
    handed = {name for name, value in zip(parameters, call.args, strict=False) if _holds(value, names)}
    return handed | {each.arg for each in call.keywords if each.arg and _holds(each.value, names)}


def _clients(code: Code, spot: Spot) -> Iterator[str]:
    """Local names for what a library made: `async with httpx.AsyncClient() as client`."""
    pairs: list[tuple[ast.expr | None, ast.expr]] = []
    if isinstance(spot.node, ast.With | ast.AsyncWith):
        pairs = [(item.optional_vars, item.context_expr) for item in spot.node.items]
    elif isinstance(spot.node, ast.Assign):
        pairs = [(target, spot.node.value) for target in spot.node.targets]
    for target, value in pairs:
        value = value.value if isinstance(value, ast.Await) else value
        if isinstance(target, ast.Name) and isinstance(value, ast.Call) and _makes_client(code, value, spot):
            yield target.id


def _makes_client(code: Code, call: ast.Call, spot: Spot) -> bool:
    meaning = code.meaning(call.func, spot.scope)
    if is_ours(meaning, "get_connection"):
        return True
    if meaning == "contextlib.closing" and call.args:
        return isinstance(call.args[0], ast.Call) and _makes_client(code, call.args[0], spot)
    last = meaning.rpartition(".")[2] if isinstance(meaning, str) else ""
    return isinstance(meaning, str) and (
        (
            meaning in CALLS
            and CALLS[meaning].id == "io"
            and last.lower() not in _ACTS | {"open", "get", "put", "delete"}
        )
        or (_is_foreign(meaning) and last[:1].isupper())
    )


def _kind(code: Code, spot: Spot, meaning: Meaning, clients: set[str]) -> Kind | None:
    """None: it does nothing outside, or it is followed, or nobody knows."""
    call = spot.node
    assert isinstance(call, ast.Call)
    if isinstance(meaning, Routine):
        return None
    if isinstance(meaning, str) and meaning in CALLS:
        return _kind_of_library_call(call, meaning) if CALLS[meaning].id == "io" else None
    if not isinstance(call.func, ast.Attribute):
        return (
            _kind_of_verb(meaning.rpartition(".")[2], "unsafe")
            if isinstance(meaning, str) and _acts_by_name(meaning)
            else None
        )
    verb, owner = call.func.attr, call.func.value
    if isinstance(owner, ast.Await):  # what came back is asked something
        return None
    if kind_of(owner, spot.scope, {}) == "Path":
        return _kind_of_path(verb)
    holder = _holder(owner)
    if holder in clients or _is_connection(code, owner, spot):
        return _kind_of_verb(verb, "unsafe")
    held = code.meaning(_root(owner), spot.scope)
    if isinstance(held, Value):
        return _kind_of_global(code, held, verb)
    if isinstance(held, str) and not _is_foreign(held):
        return None
    if isinstance(held, str):
        return None if verb[:1].isupper() else _kind_of_verb(verb, "unsafe")
    if holder == "self" and isinstance(owner, ast.Attribute):
        return _kind_of_verb(
            verb, "unsafe" if verb in {"append", "add", "setdefault", "update", "insert", "pop"} else None
        )
    return _kind_of_verb(verb, None) if holder else None


def _kind_of_verb(verb: str, otherwise: Kind | None) -> Kind | None:
    first = verb.lstrip("_").partition("_")[0].lower()
    kinds: tuple[tuple[set[str], Kind], ...] = ((_READS, "read"), (_SAFE, "safe"), (_ACTS, "unsafe"))
    for known, kind in kinds:
        if verb in known or first in known:
            return None if kind != "unsafe" and otherwise is None else kind
    return otherwise


def _kind_of_library_call(call: ast.Call, name: str) -> Kind | None:
    verb = name.rpartition(".")[2]
    if verb in {"open", "fdopen"}:
        mode = constant(call.args[1] if len(call.args) > 1 else keyword(call, "mode"))
        return (
            "unsafe"
            if isinstance(mode, str) and "a" in mode
            else "safe"
            if isinstance(mode, str) and mode[0] in "wx"
            else "read"
        )
    if name.startswith("urllib.request."):
        return "unsafe" if len(call.args) > 1 or keyword(call, "data") else "read"
    if verb[:1].isupper() or verb in {"connect", "client", "resource", "create_pool", "from_url", "session"}:
        return "unsafe" if name == "subprocess.Popen" else None  # its methods act
    return _kind_of_verb(verb, "unsafe")


def _kind_of_path(verb: str) -> Kind | None:
    if verb in {
        "exists",
        "stat",
        "read_text",
        "read_bytes",
        "iterdir",
        "glob",
        "rglob",
        "is_file",
        "is_dir",
        "open",
        "walk",
    }:
        return "read"
    return "safe" if verb in _SAFE or verb in {"rename", "symlink_to", "hardlink_to"} else None


def _kind_of_global(code: Code, held: Value, verb: str) -> Kind | None:
    """Of a method of what a module holds: a container, a client, or something harmless."""
    match held.expression:
        case ast.Dict() | ast.List() | ast.Set():
            return _kind_of_verb(verb, "unsafe")
        case ast.Call(func):
            made = code.meaning(func, held.scope)
            if isinstance(made, Routine):  # a class of these files, whose method would have been followed
                return _kind_of_verb(verb, "unsafe")
            name = made if isinstance(made, str) else ""
            if name.rpartition(".")[2] in _PLAIN or (name in CALLS and CALLS[name].id == "io") or _is_foreign(name):
                return _kind_of_verb(verb, "unsafe")
            return None
        case _:
            return None


def _is_connection(code: Code, owner: ast.expr, spot: Spot) -> bool:
    return isinstance(owner, ast.Call) and is_ours(code.meaning(owner.func, spot.scope), "get_connection")


def _acts_by_name(name: str) -> bool:
    """A library's function, as opposed to a class of it."""
    return _is_foreign(name) and not name.rpartition(".")[2][:1].isupper()


def _is_foreign(name: str) -> bool:
    """Of a library that is neither Python's nor perdure's."""
    top = name.partition(".")[0]
    return bool(top) and top not in sys.stdlib_module_names and top not in {"builtins", "perdure"}


def _root(expression: ast.expr) -> ast.expr:
    """The object that a chain of attributes, calls and subscripts begins with, as far as names go."""
    while isinstance(expression, ast.Subscript | ast.Call | ast.Await):
        match expression:
            case ast.Subscript(value) | ast.Await(value):
                expression = value
            case ast.Call(func):
                expression = func.value if isinstance(func, ast.Attribute) else func
    return expression


def _holder(expression: ast.expr) -> str:
    """The name at the very beginning of an expression; "" where it begins with something else."""
    while True:
        expression = _root(expression)
        if isinstance(expression, ast.Attribute):
            expression = expression.value
        else:
            return expression.id if isinstance(expression, ast.Name) else ""


def _sql(code: Code, call: ast.Call, spot: Spot) -> str:
    """The statement that a call is given first, literally or by a module's name for it."""
    if not call.args:
        return ""
    text = call.args[0]
    if isinstance(text, ast.Call) and text.args:  # text("INSERT …")
        text = text.args[0]
    if isinstance(text, ast.Name):
        meaning = code.meaning(text, spot.scope)
        text = meaning.expression if isinstance(meaning, Value) else text
    if isinstance(text, ast.JoinedStr):
        text = ast.Constant("".join(str(constant(part) or "?") for part in text.values))
    words = str(constant(text) or "")
    return words if re.match(r"\s*(insert|update|delete|merge|replace|select|with)\b", words, re.IGNORECASE) else ""


def _kind_of_sql(sql: str) -> Kind:
    verb = sql.split(None, 1)[0].lower()
    if verb == "select":
        return "read"
    if verb in {"delete", "merge", "replace"} or (verb == "update" and not _RELATIVE.search(sql)):
        return "safe"
    return "safe" if verb in {"insert", "with"} and _CONFLICT.search(sql) else "unsafe"
