"""The suite is whole: no check is written and then left out."""

import inspect

import pytest

from perdure.testing import conformance
from perdure.testing.conformance import CHECKS

MODULES = [
    module
    for _, module in inspect.getmembers(conformance, inspect.ismodule)
    if hasattr(module, "CHECKS") and module is not conformance
]


def test_every_part_is_in() -> None:
    assert sorted(check.__name__ for module in MODULES for check in module.CHECKS) == sorted(
        check.__name__ for check in CHECKS
    )
    assert len(MODULES) == 17


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_every_check_is_in(module: object) -> None:
    written = [
        function
        for name, function in inspect.getmembers(module, inspect.iscoroutinefunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    ]
    assert set(module.CHECKS) == set(written)


def test_names_tell_the_checks_apart() -> None:
    assert len({check.__name__ for check in CHECKS}) == len(CHECKS)
