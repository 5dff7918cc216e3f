"""What is said of a workflow that doesn't survive."""

from perdure.errors import PerdureError
from perdure.testing import Broken


def test_sentence() -> None:
    broken = Broken(
        "app:fulfil", "crash:7:after", "paid 1 times", "paid 2 times", ["worker 1, killed after the effect 'paid'"]
    )
    assert isinstance(broken, PerdureError) and isinstance(broken, AssertionError)
    assert str(broken).splitlines() == [
        "app:fulfil doesn't survive: expected paid 1 times, found paid 2 times.",
        "Faults:",
        "  1. worker 1, killed after the effect 'paid'",
        "The same again: simulate(…, only='crash:7:after')",
    ]
    assert "Faults: none but the order of things\n" in str(Broken("a:b", "seed:1", "x", "y", []))
