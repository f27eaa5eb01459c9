"""Files stay within 400 lines and functions within 50, so that each fits in one reading."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "config",
    "telemetry",
    "brokers",
    "geofence",
    "ingest",
    "platform_api",
    "simulator",
    "cli",
    "migrations",
    "bench",
)
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50


def too_long(source: str, name: str) -> list[str]:
    """What in this source breaks a limit, as `file:line what`."""
    found = []
    lines = source.count("\n")
    if lines > MAX_FILE_LINES:
        found.append(f"{name}:1 file has {lines} lines")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            length = node.end_lineno - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                found.append(f"{name}:{node.lineno} {node.name} has {length} lines")
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_files_and_functions_are_short(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files, f"no source in {package}"
    broken = [
        line
        for path in files
        for line in too_long(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))
    ]
    assert broken == []


def test_the_check_sees_long_code() -> None:
    body = "    pass\n" * MAX_FUNCTION_LINES
    assert too_long(f"def long():\n{body}", "x.py") == ["x.py:1 long has 51 lines"]
    assert too_long("\n" * 401, "x.py") == ["x.py:1 file has 401 lines"]
    assert too_long("def short():\n    pass\n", "x.py") == []
