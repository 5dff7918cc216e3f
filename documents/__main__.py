"""`python -m documents`: see the package."""

import sys

from documents.complaint import complaints
from documents.names import ROOT
from documents.page import pages, refreshed


def main() -> int:
    stale = [page for page in pages() if page.read_text(encoding="utf-8") != refreshed(page)]
    if "--check" not in sys.argv[1:]:
        for page in stale:
            page.write_text(refreshed(page), encoding="utf-8")
        return 0
    found = [f"{page.relative_to(ROOT)}: it isn't what the code says; `make reference` makes it so" for page in stale]
    found += complaints()
    print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
