"""The command line: one file per command, and beside them what several of them need. `main` puts it together."""
