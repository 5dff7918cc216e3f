"""PostgreSQL for who asks for it, as its own tests have it."""

from tests.worlds.postgres.conftest import server, url

__all__ = ["server", "url"]
