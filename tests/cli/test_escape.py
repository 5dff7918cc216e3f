"""What a terminal would obey."""

import json

import pytest

from perdure.cli.escape import visible, visible_json


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, Ünïcode, 漢字, a\u00a0space", "plain, Ünïcode, 漢字, a\u00a0space"),
        ("two\n\tlines", "two\n\tlines"),
        ("👩\u200d🚀 می\u200cخواهم", "👩\u200d🚀 می\u200cخواهم"),
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("over\rwritten\x08", "over\\rwritten\\x08"),
        ("\x9b31m \x7f", "\\x9b31m \\x7f"),
        ("abc\u202efed\u2066", "abc\\u202efed\\u2066"),
        ("\u2028\ufeff\ud800", "\\u2028\\ufeff\\ud800"),
        ("tag \U000e0041", "tag \\U000e0041"),
    ],
)
def test_texts(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_json_means_the_same() -> None:
    value = ["\x1b[31m", "\x9b31m", "abc\u202efed", "tag \U000e0041", "ü"]
    shown = visible_json(json.dumps(value, ensure_ascii=False))
    assert shown == '["\\u001b[31m", "\\u009b31m", "abc\\u202efed", "tag \\udb40\\udc41", "ü"]'
    assert json.loads(shown) == value
