"""`perdure inspect`: one file per thing to look at, and `view`, how a run is read without the code of its workflow."""
