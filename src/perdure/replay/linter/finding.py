"""What the linter says."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """One place in a workflow's body that a replay would not see the same. `line` and `column` count from 1."""

    file: str
    line: int
    column: int
    function: str
    rule: str
    message: str
    instead: str

    @property
    def place(self) -> tuple[str, int, int, str]:
        """By which it is told from others, whichever body reaches it."""
        return self.file, self.line, self.column, self.rule

    def as_json(self) -> dict[str, str | int]:
        """The fields, with camelCase keys."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "function": self.function,
            "rule": self.rule,
            "message": self.message,
            "instead": self.instead,
        }

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column} {self.rule} {self.message}; use {self.instead}"
