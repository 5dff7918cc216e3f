"""What people look at: where a run's time went, and what it waits for."""
