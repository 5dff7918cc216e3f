"""`perdure db`: the group."""

import click

from perdure.cli.db.prune import prune
from perdure.cli.db.status import status
from perdure.cli.db.upgrade import upgrade


@click.group(short_help="Look after the database of a world.")
def db() -> None:
    """Look after the database of a world."""


for command in (upgrade, status, prune):
    db.add_command(command)
