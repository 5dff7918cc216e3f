"""How fast perdure is, beside a bare program that does the same durable writes (the floor) and beside DBOS.

`python -m benchmarks` measures and prints one table; docs/benchmarks.md says how to read it.
"""
