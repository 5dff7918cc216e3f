"""The linter behind `perdure check` and the warning at registration: reads workflow bodies, imports and runs nothing.

It flags what a replay would not see the same, with the durable call to use instead. What it can't resolve with
certainty it leaves alone: a false alarm costs more than a miss, since the guard stands behind it.
"""

from perdure.replay.linter.check import check_file, check_function, check_module, check_paths, files_of
from perdure.replay.linter.finding import Finding

__all__ = ["Finding", "check_file", "check_function", "check_module", "check_paths", "files_of"]
