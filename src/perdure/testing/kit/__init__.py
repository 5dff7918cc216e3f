"""The lab: a user's workflows in a test, on a World in memory, by a clock that the test turns."""
