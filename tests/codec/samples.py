"""Classes for the codec's tests, and what it means that a value came back the same."""

from collections import namedtuple
from dataclasses import InitVar, dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum
from typing import Any, Generic, NamedTuple, NotRequired, TypedDict, TypeVar

import msgspec
import pydantic

T = TypeVar("T")


class Colour(Enum):
    RED = "red"
    GREEN = "green"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Size(StrEnum):
    S = "s"


class Right(Flag):
    READ = 1
    WRITE = 2


class Pair(Enum):
    ONE = (1, "one")


@dataclass
class Line:
    sku: str
    count: int = 1
    colour: Colour = Colour.RED


@dataclass
class Order:
    id: str
    lines: list[Line]
    due: datetime | None = None
    price: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float


@dataclass
class Holder:
    """Anything in a dataclass."""

    value: Any = None


@dataclass
class Tree:
    name: str
    children: list["Tree"] = field(default_factory=list)


@dataclass
class Box(Generic[T]):
    content: T
    more: list[T] = field(default_factory=list)


@dataclass
class Counted:
    """A `__post_init__` that isn't idempotent, and one field that isn't an argument."""

    count: int
    label: str = field(init=False)

    def __post_init__(self) -> None:
        self.count += 1
        self.label = f"n{self.count}"
        self.derived = self.count * 10


@dataclass
class Seeded:
    value: int = field(init=False)
    seed: InitVar[int]

    def __post_init__(self, seed: int) -> None:
        self.value = seed * 2


@dataclass
class Animal:
    name: str


@dataclass
class Dog(Animal):
    tricks: list[str] = field(default_factory=list)


@dataclass
class Cat(Animal):
    lives: int = 9


class Struct(msgspec.Struct):
    name: str
    at: datetime | None = None
    tags: set[str] = msgspec.field(default_factory=set)


class Renamed(msgspec.Struct, rename="camel", kw_only=True):
    first_name: str
    middle_name: str | msgspec.UnsetType = msgspec.UNSET


class Circle(msgspec.Struct, tag="circle"):
    size: float


class Square(msgspec.Struct, tag="square"):
    size: float


class Place(NamedTuple):
    street: str
    number: int = 1


Bare = namedtuple("Bare", "a b")  # the older kind


class Movie(TypedDict):
    title: str
    seen: NotRequired[date]


class Model(pydantic.BaseModel):
    id: int
    at: time | None = None
    home: pydantic.HttpUrl | None = None
    lines: list[Line] = []
    secret: pydantic.SecretStr | None = None


class Open(pydantic.BaseModel, extra="allow"):
    id: int


class Private(pydantic.BaseModel):
    id: int
    _seen: int = pydantic.PrivateAttr(default=7)


class Declined(Exception):
    """An exception whose `__init__` must not be called again: it has other parameters than `args`."""

    def __init__(self, code: int, *, reason: str) -> None:
        super().__init__(f"declined with {code}")
        self.code, self.reason = code, reason


class Hostile(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")

    __repr__ = __str__


def same(one: Any, other: Any) -> bool:
    """Equal, of the same type all through, nan equal to nan, but not 0.0 to -0.0, or 2 a.m. to the second 2 a.m."""
    if type(one) is not type(other):
        return False
    match one:
        case float() | complex() | Decimal():
            return repr(one) == repr(other)
        case datetime() | time():
            return (repr(one), one.fold) == (repr(other), other.fold)
        case list() | tuple():
            return len(one) == len(other) and all(map(same, one, other))
        case set() | frozenset():
            return len(one) == len(other) and all(any(same(each, it) for it in other) for each in one)
        case dict():
            return same([*one.items()], [*other.items()])
        case Holder():
            return same(one.value, other.value)
        case _:
            return one == other
