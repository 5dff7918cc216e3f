"""How SQLite would go about a statement."""

from pathlib import Path

import apsw


def plan_of(folder: Path, sql: str) -> str:
    connection = apsw.Connection(str(folder / "runs.db"))
    try:
        bindings = (None,) * _count(sql)
        return " | ".join(str(step[3]) for step in connection.execute(f"EXPLAIN QUERY PLAN {sql}", bindings))
    finally:
        connection.close()


def _count(sql: str) -> int:
    numbered = [int(part[0]) for part in sql.split("?")[1:] if part[:1].isdigit()]
    return max(numbered) if numbered else sql.count("?")
