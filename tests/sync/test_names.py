"""perdure for code without an event loop: every name, blocking."""

import inspect

import pytest

import perdure
from perdure import sync


def test_every_name_of_perdure() -> None:
    assert sync.__all__ == perdure.__all__
    assert [name for name in sync.__all__ if not hasattr(sync, name)] == []


def test_no_name_awaits() -> None:
    """`as_completed`, `list_runs` and `get_run` give what awaits; `worker` and `timeout` are for `async with`."""
    awaiting = {name for name in perdure.__all__ if inspect.iscoroutinefunction(getattr(perdure, name))}
    assert awaiting == {
        "close", "find_run", "get_hook", "heartbeat", "race", "resume_hook", "set_attributes", "sleep", "start", "wait",
    }  # fmt: skip
    assert [name for name in sync.__all__ if inspect.iscoroutinefunction(vars(sync)[name])] == []
    changed = {name for name in sync.__all__ if vars(sync)[name] is not getattr(perdure, name)}
    assert changed == awaiting | {
        "HookDefinition", "Run", "WebhookRequest", "Writable", "as_completed", "define_hook", "get_run", "get_writable",
        "list_runs", "worker",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["HookDefinition", "Run", "WebhookRequest", "Writable"])
def test_a_class_that_is_made_anew_has_every_method(name: str) -> None:
    def methods(cls: type) -> set[str]:
        return {name for name, value in vars(cls).items() if not name.startswith("_") and callable(value)}

    ours, theirs = getattr(sync, name), getattr(perdure, name)
    assert {method for method in methods(theirs) if not hasattr(ours, method)} == set()
    assert [method for method in methods(theirs) if not inspect.getdoc(getattr(ours, method))] == []
    assert [method for method in methods(theirs) if inspect.iscoroutinefunction(getattr(ours, method))] == []


@pytest.mark.parametrize("name", ["get_hook", "heartbeat", "race", "resume_hook", "set_attributes", "sleep", "wait"])
def test_what_blocks_says_the_same_as_what_awaits(name: str) -> None:
    assert getattr(sync, name).__doc__ == getattr(perdure, name).__doc__
    assert getattr(sync, name).__name__ == name
