"""What users and authors of Worlds test with. `perdure.testing.conformance` is what every World must pass."""
