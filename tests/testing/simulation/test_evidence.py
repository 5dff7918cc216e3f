"""How a violation reads in a scorecard."""

from perdure.testing.simulation.evidence import Violation
from tests.testing.simulation.checker.history import ME


def test_a_violation_in_words() -> None:
    assert str(Violation("P1 a run didn't end", ME, "it sleeps")) == f"P1 a run didn't end: it sleeps ({ME})"


def test_a_violation_of_no_run_in_particular() -> None:
    assert str(Violation("an unhandled error", None, "oops")) == "an unhandled error: oops"
