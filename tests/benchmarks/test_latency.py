"""Percentiles of what is done over and over."""

import pytest

from benchmarks.latency import METRICS, percentiles


def test_percentiles() -> None:
    figures = percentiles([n / 1000 for n in range(1, 100)])
    assert figures == {"p50_ms": pytest.approx(50), "p99_ms": pytest.approx(99)}
    assert figures.keys() == {metric.key for metric in METRICS}
