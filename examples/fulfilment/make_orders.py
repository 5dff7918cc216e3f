"""Makes `orders.csv`, once: `python -m examples.fulfilment.make_orders`. The same seed gives the same bytes.

What real exports hold is planted on purpose, at the end of this file: each oddity names the line that it replaces.
"""

import random
from decimal import Decimal

from examples.fulfilment.orders import COLUMNS, ORDERS_CSV

LINES = 300
FIRST_ID = 1001

CATALOGUE = {
    "espresso cups": "24.90",
    "moka pot": "39.00",
    "milk jug": "18.50",
    "hand grinder": "79.00",
    "filter papers": "6.20",
    "kitchen scale": "45.00",
    "gooseneck kettle": "129.00",
    "house blend 1 kg": "21.80",
}
FIRST_NAMES = ("Ann", "Ben", "Carla", "Dmitri", "Elif", "Farid", "Grace", "Hugo", "Ines", "Jonas", "Keiko", "Lars")
LAST_NAMES = ("Adler", "Brandt", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Hansen", "Ito", "Jansen", "Kaya")


def make_export() -> bytes:
    """The whole file: a byte order mark, the header and the lines, with the line ends of a spreadsheet."""
    chance = random.Random(7)
    rows = [_plain(chance, number) for number in range(LINES)]
    for number, change in ODD_VALUES.items():
        rows[number].update(change)
    lines = [",".join(row.values()).encode() for row in rows]
    for number, line in ODD_LINES.items():
        lines[number] = line
    for number, original in REPEATED.items():
        lines[number] = lines[original]
    return b"\r\n".join([b"\xef\xbb\xbf" + ",".join(COLUMNS).encode(), *lines, b""])


def _plain(chance: random.Random, number: int) -> dict[str, str]:
    first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
    item, price = chance.choice(list(CATALOGUE.items()))
    quantity = chance.choice((1, 1, 1, 2, 2, 3, 6))
    values = (
        f"A-{FIRST_ID + number}",
        f"{first} {last}",
        f"{first}.{last}@mail.example".lower(),
        item,
        str(quantity),
        str(Decimal(price) * quantity),
        f"card-{chance.randrange(10_000):04}",
        "paid",
    )
    return dict(zip(COLUMNS, values, strict=True))


# Only the stock knows that there are none left, and is asked after the charge.
SOLD_OUT = {"item": "blue kettle", "quantity": "1", "amount": "59.00"}

# Values to change in a line, by its place (from 0), written as they stand in the file.
ODD_VALUES: dict[int, dict[str, str]] = {
    2: {"customer": '"Anna ""Nana"" Weiß"'},
    4: SOLD_OUT,
    6: {"customer": ""},
    8: {"card": "card-declined"},
    9: {"customer": "Bell; Book & Candle Ltd."},
    10: {"customer": '"Keiko Ito\r\nc/o Harbour Café"'},
    12: {"status": "cancelled"},
    14: {"customer": "Zoë 🦊 Król"},
    15: {"amount": '"49,80"'},
    17: {"customer": "  Ines Costa  ", "email": "ines.costa@mail.example ", "status": "paid  "},
    19: {"email": "ben.kaya@closed.example"},  # a mailbox that refuses mail, found out by the last step
    41: {"customer": "نور الهاشمي"},
    57: SOLD_OUT,
    63: {"amount": "€ 79.00"},
    70: {"email": "moreau(at)mail.example"},
    77: {"customer": "[bold]Grace[/bold] <b>O'Neil</b>"},
    83: {"card": "card-declined"},
    96: {"status": "cancelled"},
    104: {"customer": '"=HYPERLINK(""http://evil.example"")"'},
    112: SOLD_OUT,
    121: {"quantity": "0"},
    129: {"email": "maya.novak@closed.example"},
    137: {"order_id": "../../etc/passwd"},
    145: SOLD_OUT,
    152: {"amount": "NaN"},
    160: {"card": "card-declined"},
    166: {"customer": "\u200fאורי כהן\u200f"},
    173: {"amount": "0.00"},
    181: SOLD_OUT,
    199: {"email": "lars.ito@closed.example"},
    208: {"customer": "Robert'); DROP TABLE orders;--"},
    214: {"amount": "١٢.٥٠"},
    222: {"card": "card-declined"},
    236: SOLD_OUT,
    243: {"card": ""},
    259: SOLD_OUT,
    270: {"email": "olga.hansen@closed.example"},
    281: {"status": "cancelled"},
    290: SOLD_OUT,
}

# Whole lines to replace: an empty one, one of only commas, a comma that should be quoted, an old encoding, a torn end,
# and one that repeats the id of line 30 with another amount.
ODD_LINES: dict[int, bytes] = {
    11: b"",
    36: b"A-1031,Someone Else,someone@mail.example,moka pot,1,1.00,card-0001,paid",
    90: b",,,,,,,",
    118: b"A-1119,Hansen, Lars,lars.hansen@mail.example,moka pot,1,39.00,card-4711,paid",
    188: "A-1189,J\u00fcrgen Fischer,j.fischer@mail.example,milk jug,1,18.50,card-0815,paid".encode("latin-1"),
    299: b"A-1300,Hugo Adl",
}

# Lines that were exported twice, by place: the later is a copy of the earlier.
REPEATED: dict[int, int] = {21: 5, 88: 87, 230: 14}


if __name__ == "__main__":
    ORDERS_CSV.write_bytes(make_export())
