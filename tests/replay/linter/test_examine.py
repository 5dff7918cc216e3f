"""Examines one function: each rule with what it flags, and what looks alike but is safe."""

import ast

import pytest

from perdure.replay.linter.bindings import Function
from perdure.replay.linter.examine import Examination
from perdure.replay.linter.names import Defined, Scope

IMPORTS = """
import asyncio, datetime, functools, itertools, os, queue, random, secrets, subprocess, sys, threading, time, uuid
import shop
import requests, httpx, numpy as np
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime as dt
from pathlib import Path
LOCK = threading.Lock()
counter = 0
SEEN: list[str] = []
STATE = dict(x=1)
NUMBERS = itertools.count()
def helper(): ...
async def helper_async(): ...
class Order:
    def total(self): ...
"""


def examine(body: str, parameters: str = "order") -> Examination:
    """Of an async function with this body, in a module with these imports."""
    lines = "\n    ".join(body.splitlines())
    module = ast.parse(f"{IMPORTS}\nasync def body({parameters}):\n    {lines}\n")
    function = module.body[-1]
    assert isinstance(function, Function)
    return Examination(Defined(function, Scope(module)))


def found(body: str, parameters: str = "order") -> list[str]:
    return [f"{rule.id}: {what}" for _, rule, what in examine(body, parameters).found]


def reached(body: str, parameters: str = "order") -> list[str]:
    return [defined.node.name for defined in examine(body, parameters).reached]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("time.time()", "clock: time.time()"),
        ("time.monotonic()", "clock: time.monotonic()"),
        ("dt.now()", "clock: datetime.datetime.now()"),
        ("dt.now(datetime.UTC)", "clock: datetime.datetime.now()"),
        ("datetime.datetime.utcnow()", "clock: datetime.datetime.utcnow()"),
        ("date.today()", "clock: datetime.date.today()"),
        ("time.strftime('%Y')", "clock: time.strftime()"),
        ("random.randint(1, 6)", "random: random.randint()"),
        ("random.Random()", "random: random.Random()"),
        ("secrets.token_hex()", "random: secrets.token_hex()"),
        ("uuid.uuid4()", "random: uuid.uuid4()"),
        ("os.urandom(8)", "random: os.urandom()"),
        ("np.random.rand(3)", "random: numpy.random.rand()"),
        ("np.random.default_rng()", "random: numpy.random.default_rng()"),
        ("list(map(random.uniform, order, order))", "random: random.uniform()"),
        ("open('x')", "io: open()"),
        ("with open('x') as file: ...", "io: open()"),
        ("Path('x').read_text()", "io: Path.read_text()"),
        ("(Path('x') / 'y').exists()", "io: Path.exists()"),
        ("for name in os.listdir('.'): ...", "io: os.listdir()"),
        ("os.path.exists('x')", "io: os.path.exists()"),
        ("subprocess.run(['ls'])", "io: subprocess.run()"),
        ("requests.get(order)", "io: requests.get()"),
        ("async with httpx.AsyncClient() as client: ...", "io: httpx.AsyncClient()"),
        ("sys.stdin.read()", "io: sys.stdin"),
        ("time.sleep(1)", "blocking: time.sleep()"),
        ("input('name? ')", "blocking: input()"),
        ("with LOCK: ...", "blocking: with Lock"),
        ("LOCK.acquire()", "blocking: Lock.acquire()"),
        ("queue.Queue().get()", "blocking: Queue.get()"),
        ("asyncio.run(order)", "blocking: asyncio.run()"),
        ("os.environ['X']", "environment: os.environ"),
        ("os.environ.get('X')", "environment: os.environ"),
        ("os.getenv('X')", "environment: os.getenv()"),
        ("sys.argv[1]", "environment: sys.argv"),
        ("os.getpid()", "environment: os.getpid()"),
        ("await asyncio.wait(order)", "asyncio-order: asyncio.wait()"),
        ("for x in asyncio.as_completed(order): ...", "asyncio-order: asyncio.as_completed()"),
        ("await asyncio.to_thread(order)", "threads: asyncio.to_thread()"),
        ("asyncio.get_running_loop().run_in_executor(None, order)", "threads: loop.run_in_executor()"),
        ("with ThreadPoolExecutor() as pool: ...", "threads: concurrent.futures.ThreadPoolExecutor()"),
        ("threading.Thread(target=order).start()", "threads: threading.Thread()"),
        ("id(order)", "identity: id()"),
        ("hash('x')", "identity: hash()"),
        ("hash(f'{order}')", "identity: hash()"),
        ("sorted(order, key=id)", "identity: id()"),
        ("order.sort(key=id)", "identity: id()"),
        ("global counter\ncounter = 1", "global-state: assigning the global 'counter'"),
        ("global counter\ncounter += 1", "global-state: assigning the global 'counter'"),
        ("SEEN.append(order)", "global-state: changing the global 'SEEN'"),
        ("STATE['x'] = order", "global-state: changing the global 'STATE'"),
        ("STATE['x']['y'] += 1", "global-state: changing the global 'STATE'"),
        ("del STATE['x']", "global-state: changing the global 'STATE'"),
        ("STATE.setdefault(order, 1)", "global-state: changing the global 'STATE'"),
        ("Order.count += 1", "global-state: changing the global 'Order'"),
        ("shop.settings.debug = True", "global-state: changing the global 'shop'"),
        ("return next(NUMBERS)", "global-state: changing the global 'NUMBERS'"),
        ("helper_async()", "unawaited: helper_async()"),
        ("return lambda: time.time()", "clock: time.time()"),
        ("return [time.time() for _ in order]", "clock: time.time()"),
        ("return [x for x in order if time.time()]", "clock: time.time()"),
        ("return {time.time(): 1}", "clock: time.time()"),
        ("return f'{time.time()}'", "clock: time.time()"),
        ("match time.time():\n    case _: ...", "clock: time.time()"),
        ("def inner(at=time.time()): ...", "clock: time.time()"),
    ],
)
def test_what_is_flagged(body: str, expected: str) -> None:
    assert found(body) == [expected]


@pytest.mark.parametrize(
    "body",
    [
        "order.now()",
        "datetime.datetime(2026, 1, 1)",
        "dt.fromtimestamp(1)",
        "time.strftime('%Y', order)",
        "time.gmtime(0)",
        "time.time",
        "random.Random(order.seed).random()",
        "np.random.default_rng(3)",
        "uuid.uuid5(order.id, 'x')",
        "secrets.compare_digest(order, order)",
        "order.open('x')",
        "Path('x').with_suffix('.y').name",
        "order.path.read_text()",
        "os.path.join('x', 'y')",
        "os.sep",
        "raise requests.HTTPError('no')",
        "raise subprocess.CalledProcessError(1, 'ls')",
        "httpx.Timeout(3)",
        "print(order)",
        "await asyncio.sleep(1)",
        "async with asyncio.Lock(): ...",
        "async with asyncio.timeout(1): ...",
        "with order.lock: ...",
        "order.acquire()",
        "await asyncio.gather(order, order)",
        "await asyncio.wait_for(order, 1)",
        "hash(order)",
        "hash(3)",
        "sorted(order, key=str)",
        "sorted(order, key=hash)",
        "global counter\nreturn counter",
        "counter = 1",
        "async def inner(): time.time()",
        "class Inner:\n    at = time.time()",
        "STATE['x']",
        "STATE.get(order)",
        "STATE.copy()['x'] = order",
        "order.state['x'] = 1",
        "SEEN = []\nSEEN.append(order)",
        "LOCK.append(order)",
        "numbers = itertools.count()\nreturn next(numbers)",
        "next(order)",
    ],
)
def test_what_is_safe(body: str) -> None:
    assert found(body) == []


@pytest.mark.parametrize(
    "body",
    [
        "for tag in tags: ...",
        "for tag in {'a', order}: ...",
        "names = [tags for tags in order]\nfor tag in tags: ...",
        "for tag in set(order): ...",
        "for tag in frozenset(order) | tags: ...",
        "names = {x.name for x in order}\nfor name in names: ...",
        "return [tag for tag in tags]",
        "return [y for x in order for y in set(x)]",
        "return {tag: 1 for tag in tags}",
        "return (tag for tag in tags)",
        "return list(tags)",
        "return tuple(tags)",
        "return next(iter(tags))",
        "for n, tag in enumerate(tags): ...",
        "return ', '.join(tags)",
        "return dict.fromkeys(tags)",
        "return [*tags]",
        "await asyncio.gather(*tags)",
        "first, *rest = tags",
        "return sorted([await order(tag) for tag in tags])",
        "return [len(list(tags)), list(tags)]",
    ],
)
def test_walking_over_a_set_is_flagged(body: str) -> None:
    assert found(body, "order, tags: set[str]") == ["set-order: a set"]


def test_taking_any_member_of_a_set_is_flagged() -> None:
    assert found("tags.pop()", "tags: set[str]") == ["set-order: set.pop()"]


@pytest.mark.parametrize(
    "body",
    [
        "for tag in sorted(tags): ...",
        "for tag in order: ...",
        "for tag in {1, 2, 3}: ...",
        "for tag in {'a': 1}: ...",
        "for n in numbers: ...",
        "tags = sorted(tags)\nfor tag in tags: ...",
        "return 'x' in tags",
        "return len(tags)",
        "return max(tag.size for tag in tags)",
        "return sorted(list(tags))",
        "return sorted(tag.name for tag in tags)",
        "return {tag.name for tag in tags}",
        "return {*tags, 'x'}",
        "return tags | {x for x in tags}",
        "return [y for tags in order for y in tags]",
        "numbers.add(1)",
    ],
)
def test_what_sets_are_good_for(body: str) -> None:
    assert found(body, "order, tags: set[str], numbers: set[int]") == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("helper()", ["helper"]),
        ("await asyncio.gather(helper(), order.helper())", ["helper"]),
        ("Order().total()", ["Order"]),
        ("Order.total(order)", ["total"]),
        ("sorted(order, key=helper)", ["helper"]),
        ("order.sort(key=helper)", ["helper"]),
        ("list(filter(helper, order))", ["helper"]),
        ("functools.reduce(helper, order)", ["helper"]),
        ("return [helper() for _ in order]", ["helper"]),
        ("lambda: helper()", ["helper"]),
        ("def inner(): ...\norder.subscribe(inner)", ["inner"]),
    ],
)
def test_who_is_reached(body: str, expected: list[str]) -> None:
    assert reached(body) == expected


@pytest.mark.parametrize(
    "body",
    ["await order.send(helper)", "helper", "order.helper()", "def inner(): ...", "helper = order\nhelper()"],
)
def test_who_is_not_reached(body: str) -> None:
    assert reached(body) == []


def test_each_place_is_found_where_it_stands() -> None:
    examination = examine("return time.time() + time.time()")
    assert [(ast.unparse(node), node.col_offset) for node, _, _ in examination.found] == [
        ("time.time()", 11),
        ("time.time()", 25),
    ]
