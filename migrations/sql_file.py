"""The statements of a migration's SQL file."""

from pathlib import Path

SQL = Path(__file__).parent / "sql"


def statements(name: str) -> list[str]:
    """In their order. A statement ends with a semicolon at the end of a line that is in no function's body."""
    return split((SQL / name).read_text(encoding="utf-8"))


def split(text: str) -> list[str]:
    found: list[str] = []
    open_part = ""
    for part in text.split(";\n"):
        open_part += part
        if open_part.count("$$") % 2:
            open_part += ";\n"
        else:
            found.append(open_part.strip())
            open_part = ""
    return [statement for statement in found if statement]
