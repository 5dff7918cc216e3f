"""What an append may ask for beside its rows, one thing each."""

from typing import Any

from perdure.testing.conformance.sample import chunks_of, hook_of, letter_to, start_of

EFFECTS: list[dict[str, Any]] = [
    {"status": "running"},
    {"release": True},
    {"seize": True},
    {"mail_taken": ("m",)},
    {"letters": (letter_to(2),)},
    {"children": (start_of(2),)},
    {"attributes": {"a": None}},
    {"pin": ""},
    {"hooks": (hook_of(),)},
    {"chunks": (chunks_of(),)},
    {"all_mail": True},
    {"probation": True},
    {"times_ms": (5,)},
]
