"""The history checker: reads what a simulation left behind, by noun, and says which promise was broken."""
