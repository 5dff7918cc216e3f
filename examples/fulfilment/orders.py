"""Reads the shop's export. A line is accepted as an order or rejected with a reason; none is dropped silently.

A line that was exported twice is accepted twice: that both are one order is decided where runs are started.
"""

import csv
import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

ORDERS_CSV = Path(__file__).with_name("orders.csv")
COLUMNS = ("order_id", "customer", "email", "item", "quantity", "amount", "card", "status")


@dataclass(frozen=True)
class Order:
    """A paid order. `amount` is the total in euros, with two decimals."""

    id: str
    customer: str
    email: str
    item: str
    quantity: int
    amount: Decimal
    card: str


@dataclass(frozen=True)
class AcceptedLine:
    """An order, and the line of the export (from 1) where it begins."""

    number: int
    order: Order


@dataclass(frozen=True)
class RejectedLine:
    """A line of the export that is no order, and why."""

    number: int
    reason: str


class ExportInvalid(Exception):
    """The file isn't an export of orders at all."""


def read_orders(path: Path, lines: int | None = None) -> tuple[list[AcceptedLine], list[RejectedLine]]:
    """The export's orders and its rejects, both in the order of the file; of the first `lines` only, if given.

    Raises: ExportInvalid if the header isn't the one expected, OSError if the file can't be read.
    """
    accepted: list[AcceptedLine] = []
    rejected: list[RejectedLine] = []
    # utf-8-sig takes off the byte order mark that spreadsheets write; newline="" leaves newlines in quotes to csv.
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.reader(file)
        header = [name.strip() for name in next(rows, [])]
        if header != list(COLUMNS):
            raise ExportInvalid(f"{path} begins with the columns {header}; expected are {list(COLUMNS)}")
        number = rows.line_num + 1
        for row in itertools.islice(rows, lines):
            fields = [field.strip() for field in row]
            if reason := why_rejected(fields):
                rejected.append(RejectedLine(number, reason))
            else:
                accepted.append(AcceptedLine(number, order_from(fields)))
            number = rows.line_num + 1
    return accepted, rejected


def why_rejected(fields: list[str]) -> str | None:
    """What is wrong with a line, or None."""
    if not any(fields):
        return "the line is empty"
    if len(fields) != len(COLUMNS):
        return f"{len(fields)} fields instead of {len(COLUMNS)}"
    for name, field in zip(COLUMNS, fields, strict=True):
        if not field:
            return f"{name} is missing"
        if "\N{REPLACEMENT CHARACTER}" in field:
            return f"{name} isn't UTF-8"
        problem, is_right = RULES.get(name, ("", None))
        if is_right and not is_right(field):
            return f"{name} {field!r} {problem}"
    status = fields[COLUMNS.index("status")]
    return None if status == "paid" else f"the order is {status}"


def order_from(fields: list[str]) -> Order:
    """The order in a line that nothing is wrong with."""
    id, customer, email, item, quantity, amount, card, _ = fields
    return Order(id, customer, email, item, int(quantity), Decimal(amount), card)


def _shaped(pattern: str) -> Callable[[str], object]:
    # ASCII: \d would else take any script's digits, as Decimal does.
    return re.compile(pattern, re.ASCII).fullmatch


RULES: dict[str, tuple[str, Callable[[str], object]]] = {
    # An order's id becomes the name of its invoice's file: nothing in it may climb out of the folder.
    "order_id": ("is no order id, such as A-1042", _shaped(r"[A-Z]-\d+")),
    "email": ("is no mail address", _shaped(r"[^@\s]+@[^@\s]+\.[^@\s]+")),
    "quantity": ("is no quantity from 1 to 999", _shaped(r"[1-9]\d{0,2}")),
    "amount": ("is no amount, such as 1249.90", _shaped(r"(?!0+\.00)\d{1,7}\.\d\d")),
}
