"""The inspector over HTTP: its JSON API, what is live in it, and the page. What there is to see is `perdure.inspector`'s."""
