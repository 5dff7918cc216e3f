"""The environment variables that perdure reads: constants with their names, and what stands below them."""

import re
from collections.abc import Iterator

import griffe

from documents.names import explained, package
from documents.text import Link, markdown


def variables() -> dict[str, str]:
    """By name, what each means."""
    found = [attribute for attribute in _attributes(package()) if re.fullmatch(r"'PERDURE_\w+'", str(attribute.value))]
    return {str(attribute.value).strip("'"): explained(attribute) for attribute in found}


def _attributes(module: griffe.Module) -> Iterator[griffe.Attribute]:
    for member in module.members.values():
        if isinstance(member, griffe.Module):
            yield from _attributes(member)
        elif isinstance(member, griffe.Attribute):
            yield member


def table(link: Link) -> str:
    rows = [f"| `{name}` | {' '.join(markdown(text, link).split())} |" for name, text in sorted(variables().items())]
    return "\n".join(("| variable | meaning |", "| --- | --- |", *rows))
