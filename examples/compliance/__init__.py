"""A request under a privacy law: the person is verified, every system is asked, a lawyer releases the answer, in 30 days.

`python -m examples.compliance` serves it.
"""
