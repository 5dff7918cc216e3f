"""`perdure inspect`: one file per thing to look at. What there is to see is the inspector's to say."""
