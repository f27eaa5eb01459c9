"""The statements of a migration's SQL file."""

from pathlib import Path

SQL = Path(__file__).parent / "sql"


def statements(name: str) -> list[str]:
    """In their order. A statement ends with a semicolon at the end of a line."""
    text = (SQL / name).read_text(encoding="utf-8")
    return [part.strip() for part in text.split(";\n") if part.strip()]
