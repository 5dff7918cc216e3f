"""Which functions are perdure's: those under `@step` and `@workflow`, by whatever name these were given."""

import ast

from perdure.replay.linter.names import Defined


def decorator_of(defined: Defined, name: str) -> ast.expr | None:
    """The decorator of perdure's that has this name, with its options, where the function is under it."""
    for decorator in defined.node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if is_ours(defined.scope.resolve(called), name):
            return decorator
        held = defined.scope.value(called)  # durable = workflow(timeout="1h")
        if (
            held is not None
            and isinstance(held.expression, ast.Call)
            and is_ours(held.scope.resolve(held.expression.func), name)
        ):
            return held.expression
    return None


def is_ours(meaning: object, *names: str) -> bool:
    """Whether it is one of these names of perdure's."""
    return isinstance(meaning, str) and meaning.startswith("perdure.") and meaning.rpartition(".")[2] in names
