"""`perdure db upgrade`: brings a database's schema to this perdure's."""

import click

from perdure.cli.world import in_world, url_of, world_option
from perdure.engine.engine import Engine


@click.command(short_help="Bring the schema up to date.")
@world_option
def upgrade(world: str | None) -> None:
    """Bring the schema up to date; make the database if there is none.

    SQLite does this by itself whenever a file is opened. A schema of a newer perdure is refused and left untouched.
    """

    async def work(engine: Engine) -> None:
        """Opening has done it."""

    in_world(world, work, create=True)
    click.echo(f"the schema of {url_of(world)} is up to date", err=True)
