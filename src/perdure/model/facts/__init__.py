"""What a run's log can say, a module for each noun; `perdure.model.event` has all of it."""
