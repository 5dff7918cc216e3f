"""What people look at: one read model for the command line and HTTP. Functions that take an Engine and give records, whose
JSON is the same in both; of pages, tables and requests they know nothing."""
