"""The production readiness scorecard: what code, repository and store show, and what a person has to answer."""
