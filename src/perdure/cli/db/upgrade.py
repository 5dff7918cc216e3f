"""`perdure db upgrade`: brings a database's schema to this perdure's."""

import click

from perdure.api.connect import shown_url, upgrade_at
from perdure.cli.world import url_of, world_option


@click.command(short_help="Bring the schema up to date.")
@world_option
def upgrade(world: str | None) -> None:
    """Bring the schema up to date; make it if there is none.

    SQLite does this by itself whenever a file is opened. In PostgreSQL the user of the URL makes the schema, and owns it:
    it needs the right to create one in the database. A schema of a newer perdure is refused and left untouched.
    """
    url = url_of(world)
    upgrade_at(url)
    click.echo(f"the schema of {shown_url(url)} is up to date", err=True)
