"""How far the tests of faults go: a sample in `make test`, all of it where PERDURE_CHAOS is set."""

import os

CHAOS = bool(os.environ.get("PERDURE_CHAOS"))
