"""The user's verbs: thin. They look up where they are called, and pass on."""
