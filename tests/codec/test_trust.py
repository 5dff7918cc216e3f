import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from perdure.codec import trust
from perdure.codec.value import decode, encode
from perdure.errors import DecodeError, DuplicateName
from tests.codec.samples import Animal, Dog, Line


@pytest.fixture
def module() -> Iterator[ModuleType]:
    """A module with a class, a class in that, and a trap for whoever asks it for more."""
    made = ModuleType("made_for_trust")
    source = (
        "from dataclasses import dataclass\n"
        "from subprocess import Popen\n"
        "@dataclass\n"
        "class Order:\n    id: int\n    @dataclass\n    class Line:\n        sku: str\n"
        "Alias = Order\n"
        "def __getattr__(name): raise SystemExit(name)\n"
    )
    exec(source, vars(made))
    sys.modules["made_for_trust"] = made
    yield made
    del sys.modules["made_for_trust"]
    trust._modules.discard("made_for_trust")


def test_only_classes_that_live_in_a_trusted_module_are_found(module: ModuleType) -> None:
    order = module.Order
    assert trust.resolve("made_for_trust:Order") is None
    assert decode(encode(order(1), "x")) == {"id": 1}

    trust.trust_module("made_for_trust")
    assert trust.resolve("made_for_trust:Order") is order
    assert trust.resolve("made_for_trust:Order.Line") is order.Line
    assert decode(encode(order(1), "x")) == order(1)
    names = ("Popen", "Alias", "dataclass", "Missing", "Order.Missing", "Order.id", "", "Order.__init__")
    assert [trust.resolve(f"made_for_trust:{name}") for name in names] == [None] * len(names)


def test_a_trusted_module_that_is_not_loaded_is_not_imported() -> None:
    trust.trust_module("antigravity")
    assert trust.resolve("antigravity:fly") is None
    assert "antigravity" not in sys.modules


def test_a_registered_class_keeps_its_name() -> None:
    class First:
        pass

    assert trust.register(First, name="shop/first") is First
    assert trust.name_of(First) == "shop/first"
    assert trust.resolve("shop/first") is First
    trust.register(First, name="shop/first")


def test_a_reloaded_class_takes_the_name_over() -> None:
    def define() -> type:
        class Again:
            pass

        return trust.register(Again)

    define()
    second = define()
    assert trust.resolve(trust.name_of(second)) is second


def test_a_name_belongs_to_one_class() -> None:
    trust.register(Line, name="shop/line")
    try:
        with pytest.raises(DuplicateName) as caught:
            trust.register(Dog, name="shop/line")
        assert str(caught.value) == (
            "the name 'shop/line' is defined twice: at tests.codec.samples:Line and at tests.codec.samples:Dog; "
            "give one of them name=…"
        )
    finally:
        del trust._names[Line]


def test_classes_below_a_base() -> None:
    assert trust.resolve_below(Animal, "tests.codec.samples:Animal") is Animal
    assert trust.resolve_below(Animal, "tests.codec.samples:Dog") is Dog
    assert trust.resolve_below(Animal, "tests.codec.samples:Line") is None


@pytest.mark.parametrize(
    ("spec", "file", "name"),
    [
        (None, "/srv/app.py", "app"),
        ("shop.app", "/srv/shop/app.py", "shop.app"),
        ("__main__", "/srv/app/__main__.py", "__main__"),
        (None, None, "__main__"),
    ],
)
def test_the_running_script_has_the_name_that_a_worker_imports_it_by(
    monkeypatch: pytest.MonkeyPatch, spec: str | None, file: str | None, name: str
) -> None:
    main = ModuleType("__main__")
    main.__spec__ = None if spec is None else type("Spec", (), {"name": spec})()  # pyright: ignore[reportAttributeAccessIssue]
    if file is not None:
        main.__file__ = file
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert trust.module_name("__main__") == name
    assert trust.module_name("other") == "other"


def test_a_class_of_the_running_script_is_found_under_the_files_name(monkeypatch: pytest.MonkeyPatch) -> None:
    main = ModuleType("__main__")
    main.__file__ = "/srv/trusted_script.py"
    exec("class Order: pass", vars(main))
    monkeypatch.setitem(sys.modules, "__main__", main)
    trust.trust_module("__main__")
    assert trust.name_of(vars(main)["Order"]) == "trusted_script:Order"
    assert trust.resolve("trusted_script:Order") is vars(main)["Order"]


class Gadget:
    def __init__(self, name: str) -> None:
        self.name = name


def test_references_are_recorded_by_name() -> None:
    known = {"app:charge": Gadget("app:charge")}
    trust.register_references("gadget", Gadget, lambda gadget: gadget.name, known.__getitem__)
    try:
        data = encode([known["app:charge"]], "x")
        assert data == b'[{"$":"ref","kind":"gadget","v":"app:charge"}]'
        assert decode(data)[0] is decode(data, list[Gadget])[0] is known["app:charge"]
        with pytest.raises(DecodeError) as caught:
            decode(b'{"$":"ref","kind":"gadget","v":"app:gone"}')
        assert str(caught.value) == "result can't be read back: it refers to the gadget 'app:gone': 'app:gone'"
    finally:
        del trust._references["gadget"]


class Leash:
    """Presents a dog."""

    def __init__(self, dog: Dog) -> None:
        self.dog = dog


def test_a_stand_in_is_recorded_as_what_it_stands_for() -> None:
    trust.register_stand_in(Leash, Dog, wrap=Leash, unwrap=lambda leash: leash.dog)
    dog = Dog("Rex")
    data = encode([Leash(dog)], "x")
    assert data == encode([dog], "x")
    [leash] = decode(data, list[Leash])
    assert (type(leash), leash.dog) == (Leash, dog)
    assert decode(encode(leash, "x"), Dog) == dog
    assert decode(b"null", Leash | None) is None
    with pytest.raises(DecodeError):
        decode(b"3", Leash)
