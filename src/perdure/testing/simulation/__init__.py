"""A deterministic simulation of perdure: real engine, replay machine and memory World; virtual time, faults by seed.

    evidence = simulate(Plan(suite=suite, programs=suite.programs), seed=1)
    violations = check(evidence)

A seed reproduces a run exactly, in any process. The programs and the planted faults live with the tests, in
`tests/faults`; `python -m perdure.testing.simulation --seeds 2000` runs many seeds and prints a scorecard.
"""
