"""Make the incidents in a folder, and keep their worker until Enter is pressed."""

import sys
from pathlib import Path

from tests.incidents.incident import incidents

if __name__ == "__main__":
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True)
    with incidents(folder) as scene:
        print(f"export PERDURE_WORLD={scene.url}\n", flush=True)
        for name, run_id in scene.runs.items():
            print(f"{run_id}  {name}", flush=True)
        input("\nEnter ends it: ")
