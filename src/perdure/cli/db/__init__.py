"""`perdure db`: the database under a world."""
