"""The command `perdure`: a group of commands, and the one place where errors become a sentence and an exit code."""

import click

from perdure.cli.cancel import cancel
from perdure.cli.check import check
from perdure.cli.db.group import db
from perdure.cli.debug import debug as debug_command
from perdure.cli.export import export
from perdure.cli.failure import INTERRUPTED, UNREAD, exit_code
from perdure.cli.fork import fork
from perdure.cli.health import health
from perdure.cli.inspect.group import inspect
from perdure.cli.logs import logs
from perdure.cli.pipe import quieten
from perdure.cli.repin import repin
from perdure.cli.rerun import rerun
from perdure.cli.resume_hook import resume_hook
from perdure.cli.retry import retry
from perdure.cli.scorecard import scorecard
from perdure.cli.serve import serve
from perdure.cli.start import start
from perdure.cli.stream import stream
from perdure.cli.wake import wake
from perdure.cli.web import web
from perdure.cli.worker import worker
from perdure.errors import PerdureError


class Commands(click.Group):
    """Commands in the order in which they were added; errors of perdure's own are told, never shown as a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except PerdureError as error:
            if ctx.params["debug"]:
                raise
            click.echo(f"perdure: {error}", err=True)
            ctx.exit(exit_code(error))
        except BrokenPipeError:
            quieten()
            ctx.exit(UNREAD)
        except KeyboardInterrupt:
            click.echo(err=True)  # closes the line on which the terminal shows ^C
            ctx.exit(INTERRUPTED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="perdure", message="%(version)s")
@click.option("--debug", is_flag=True, hidden=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Durable execution for Python: start workflows, run workers, and look at what happened.

    Every command that touches a world takes --world URL; without it the variable PERDURE_WORLD counts, else
    sqlite:///.perdure/perdure.db. Runs are named by their ids, or by a beginning that only one run has.

    \b
    Exit codes:
      0  it worked
      1  the run failed, `check` found something, or no worker lives (`health`)
      2  asked wrongly
      3  no such run, step or hook
      4  the world can't be reached, there is none, or an address is taken (`serve`, `web`)
    """


for command in (
    start, inspect, logs, stream, resume_hook, cancel, retry, repin, rerun, fork, debug_command, wake, worker, serve, web,
    health, check, scorecard, export, db,
):  # fmt: skip
    main.add_command(command)
