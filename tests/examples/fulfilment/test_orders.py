from decimal import Decimal
from pathlib import Path

import pytest

from examples.fulfilment.make_orders import make_export
from examples.fulfilment.orders import COLUMNS, ORDERS_CSV, ExportInvalid, Order, RejectedLine, read_orders

HEADER = ",".join(COLUMNS)
GOOD = {
    "order_id": "A-1",
    "customer": "Ann",
    "email": "ann@mail.example",
    "item": "moka pot",
    "quantity": "2",
    "amount": "78.00",
    "card": "card-1",
    "status": "paid",
}


def export(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "orders.csv"
    path.write_bytes("\r\n".join([header, *lines, ""]).encode())
    return path


def line(**changes: str) -> str:
    return ",".join((GOOD | changes).values())


def test_a_plain_line_becomes_an_order(tmp_path: Path) -> None:
    accepted, rejected = read_orders(export(tmp_path, line()))
    assert [it.order for it in accepted] == [
        Order("A-1", "Ann", "ann@mail.example", "moka pot", 2, Decimal("78.00"), "card-1")
    ]
    assert accepted[0].number == 2
    assert rejected == []


def test_a_byte_order_mark_spaces_and_odd_characters_do_no_harm(tmp_path: Path) -> None:
    path = export(
        tmp_path,
        line(customer='"Ann ""Nana"" Weiß"', amount=" 78.00 "),
        line(customer='"Ann\nc/o Café; Ltd."'),
        line(customer="نور 🦊 [bold]"),
        header="\ufeff" + HEADER,
    )
    accepted, rejected = read_orders(path)
    assert [it.order.customer for it in accepted] == ['Ann "Nana" Weiß', "Ann\nc/o Café; Ltd.", "نور 🦊 [bold]"]
    assert [it.number for it in accepted] == [2, 3, 5]  # the newline in quotes counts as a line of the file
    assert rejected == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the line is empty"),
        (" , ,,,,,,", "the line is empty"),
        ("A-1,Ann", "2 fields instead of 8"),
        (line(customer="Weiß, Ann"), "9 fields instead of 8"),
        (line(customer=" "), "customer is missing"),
        (line(card=""), "card is missing"),
        (line(status="cancelled"), "the order is cancelled"),
        (line(order_id="../../etc/passwd"), "order_id '../../etc/passwd' is no order id, such as A-1042"),
        (line(email="ann(at)mail"), "email 'ann(at)mail' is no mail address"),
        (line(quantity="0"), "quantity '0' is no quantity from 1 to 999"),
        (line(quantity="-1"), "quantity '-1' is no quantity from 1 to 999"),
        (line(amount='"49,80"'), "amount '49,80' is no amount, such as 1249.90"),
        (line(amount="NaN"), "amount 'NaN' is no amount, such as 1249.90"),
        (line(amount="0.00"), "amount '0.00' is no amount, such as 1249.90"),
        (line(amount="-5.00"), "amount '-5.00' is no amount, such as 1249.90"),
        (line(amount="١٢.٥٠"), "amount '١٢.٥٠' is no amount, such as 1249.90"),
    ],
)
def test_what_is_no_order_is_rejected_with_a_reason(tmp_path: Path, text: str, reason: str) -> None:
    accepted, rejected = read_orders(export(tmp_path, line(), text, line(order_id="A-2")))
    assert [it.order.id for it in accepted] == ["A-1", "A-2"]
    assert rejected == [RejectedLine(3, reason)]


def test_another_encoding_is_rejected(tmp_path: Path) -> None:
    path = export(tmp_path)
    path.write_bytes(path.read_bytes() + line(customer="Jürgen").encode("latin-1"))
    assert read_orders(path) == ([], [RejectedLine(2, "customer isn't UTF-8")])


def test_only_the_first_lines_on_request(tmp_path: Path) -> None:
    accepted, rejected = read_orders(export(tmp_path, line(), "", line(order_id="A-2")), lines=2)
    assert ([it.order.id for it in accepted], [it.number for it in rejected]) == (["A-1"], [3])


def test_another_header_is_no_export(tmp_path: Path) -> None:
    with pytest.raises(
        ExportInvalid, match=r"orders.csv begins with the columns \['id', 'name'\]; expected are \['ord"
    ):
        read_orders(export(tmp_path, header="id,name"))


def test_an_empty_file_is_no_export(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.touch()
    with pytest.raises(ExportInvalid, match=r"begins with the columns \[\]"):
        read_orders(path)


def test_the_kept_export_is_what_the_script_makes() -> None:
    assert ORDERS_CSV.read_bytes() == make_export()


def test_the_kept_export_has_the_oddities() -> None:
    accepted, rejected = read_orders(ORDERS_CSV)
    assert len(accepted) + len(rejected) == 300
    ids = [it.order.id for it in accepted]
    assert len(ids) - len(set(ids)) == 4  # three lines exported twice, one id used twice
    reasons = " ".join(it.reason for it in rejected)
    for oddity in (
        "empty",
        "missing",
        "cancelled",
        "amount",
        "UTF-8",
        "fields instead",
        "order_id",
        "email",
        "quantity",
    ):
        assert oddity in reasons
