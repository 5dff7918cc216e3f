"""Names: what an expression refers to, as far as that is certain."""

import ast
import math
import types
from collections.abc import Mapping

import pytest

from perdure.replay.linter.names import Defined, Scope


def resolve(text: str, live: Mapping[str, object] | None = None) -> str | Defined | None:
    """What the last expression refers to, in its own scope: that of the last function, if it is in one."""
    module = ast.parse(text)
    scope, last = Scope(module, live=live), module.body[-1]
    while isinstance(last, ast.FunctionDef | ast.ClassDef):
        scope, last = Scope(last, scope), last.body[-1]
    assert isinstance(last, ast.Expr)
    return scope.resolve(last.value)


def qualname(found: str | Defined | None) -> str:
    assert isinstance(found, Defined)
    return f"{found.scope.qualname}.{found.node.name}".lstrip(".")


@pytest.mark.parametrize(
    ("text", "full_name"),
    [
        ("import time\ntime.time", "time.time"),
        ("import time as t\nt.time", "time.time"),
        ("from datetime import datetime as dt\ndt.now", "datetime.datetime.now"),
        ("import os.path\nos.path.exists", "os.path.exists"),
        ("import numpy as np\nnp.random.rand", "numpy.random.rand"),
        ("try:\n    import numpy as np\nexcept ImportError:\n    np = None\nnp.random", "numpy.random"),
        ("import time\nif x:\n    import time\ntime.time", "time.time"),
        ("import time\nsleep = time.sleep\nsleep", "time.sleep"),
        ("import time\ndef f():\n    time.time", "time.time"),
        ("def f():\n    import time\n    time.time", "time.time"),
        ("import time\nclass C:\n    time = 1\n    def f(self):\n        time.time", "time.time"),
        ("import time\nclass C:\n    time.time", "time.time"),
        ("import time\ndef f():\n    time = x\n    def g():\n        global time\n        time.time", "time.time"),
        ("from random import *\nrandint", "random.randint"),
        ("from datetime import *\ndatetime.now", "datetime.datetime.now"),
        ("from random import *\nfrom os import *\nrandint", "random.randint"),
        ("from os import *\nopen", "os.open"),
        ("from math import *\nopen", "builtins.open"),
        ("open", "builtins.open"),
        ("def f():\n    open", "builtins.open"),
    ],
)
def test_what_lies_outside(text: str, full_name: str) -> None:
    assert resolve(text) == full_name


@pytest.mark.parametrize(
    "text",
    [
        "time.time",
        "import time\ntime = x\ntime.time",
        "import time\ndef f(time):\n    time.time",
        "import time\ndef f():\n    for time in x: ...\n    time.time",
        "import time\nimport other as time\ntime.time",
        "def f():\n    open = 1\ndef open(): ...\ndef open(): ...\nopen",
        "class C:\n    import time\n    def f(self):\n        time.time",
        "open = x()\nopen",
        "from unknown import *\nopen",
        "from random import *\nfrom unknown import *\nrandint",
        "from random import *\nshuffled",
        "x = y\ny = x\nx",
        "f().time",
        "def f(x=open):\n    x",
    ],
)
def test_what_is_in_doubt(text: str) -> None:
    assert resolve(text) is None


def test_a_relative_import_is_nothing_of_python_s() -> None:
    assert resolve("from . import time\ntime.time") == ".time.time"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("def f(): ...\nf", "f"),
        ("def f():\n    def g(): ...\n    g", "f.g"),
        ("class C:\n    def m(self): ...\nC.m", "C.m"),
        ("class C:\n    def m(self): ...\n    def f(this):\n        this.m", "C.m"),
        ("class C:\n    def m(self): ...\n    @classmethod\n    def f(cls):\n        cls.m", "C.m"),
        ("class B:\n    def m(self): ...\nclass C(B):\n    def f(self):\n        self.m", "B.m"),
        ("class C:\n    def m(self): ...\n    def f(self):\n        def g():\n            self.m", "C.m"),
        ("def f(): ...\ng = f\ng", "f"),
    ],
)
def test_what_lies_within(text: str, name: str) -> None:
    assert qualname(resolve(text)) == name


@pytest.mark.parametrize(
    "text",
    [
        "class C:\n    m = 1\n    def f(self):\n        self.m",
        "class C:\n    def m(self): ...\n    @staticmethod\n    def f(x):\n        x.m",
        "class C:\n    def m(self): ...\n    def f(self, x):\n        x.m",
        "class C:\n    def m(self): ...\n    def f(self):\n        self = x\n        self.m",
        "class C(Other):\n    def f(self):\n        self.m",
        "class B:\n    def m(self): ...\nclass C(Other, B):\n    def f(self):\n        self.m",
        "def f(self):\n    self.m",
    ],
)
def test_methods_in_doubt(text: str) -> None:
    assert resolve(text) is None


class Proxy:
    """Loads when it is touched."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(name)


@pytest.mark.parametrize(
    ("value", "full_name"),
    [
        (math, "math"),
        (types.SimpleNamespace, "types.SimpleNamespace"),
        (ast.parse, "ast.parse"),
        (math.sin, "math.sin"),
        (3, None),
    ],
)
def test_what_the_source_doesn_t_show_is_looked_up_in_the_running_module(value: object, full_name: str | None) -> None:
    assert resolve("open", {"open": value}) == full_name


def test_a_proxy_is_not_touched() -> None:
    assert resolve("settings", {"settings": Proxy()}) is None


def test_the_source_comes_before_the_running_module() -> None:
    assert resolve("import time\ntime", {"time": math}) == "time"
