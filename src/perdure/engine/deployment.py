"""Which code this process runs, in a few characters, so that a log can tell whose turn it was."""

import os
import sys
from hashlib import blake2b
from pathlib import Path

from perdure.engine.registry import Registry

VARIABLE = "PERDURE_DEPLOYMENT"


def deployment_of(registry: Registry) -> str:
    """PERDURE_DEPLOYMENT if it is set, else a digest of the source files that define workflows."""
    named = os.environ.get(VARIABLE)
    if named:
        return named
    digest = blake2b(digest_size=6)
    for path in sorted({workflow.place.rpartition(":")[0] for workflow in registry.workflows()}):
        try:
            digest.update(Path(path).read_bytes())
        except OSError:
            digest.update(path.encode(errors="surrogatepass"))
    return digest.hexdigest() if registry.workflows() else f"py{sys.version_info.major}"
