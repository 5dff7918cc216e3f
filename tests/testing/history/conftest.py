"""A PostgreSQL for those tests that need one."""

from tests.worlds.postgres.conftest import server, url

__all__ = ["server", "url"]
