"""The crash simulator for users: a workflow of theirs in a world where everything goes wrong that can, and the same end."""
