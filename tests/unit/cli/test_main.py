"""The `mess` command: every command exists, and its help does not load the platform."""

import inspect
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from cli.main import COMMANDS, build_app, load


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_can_be_loaded_and_explains_itself(name: str) -> None:
    assert inspect.getdoc(load(COMMANDS[name]))
    result = CliRunner().invoke(build_app(name), [name, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_an_unknown_command_is_an_error() -> None:
    result = CliRunner().invoke(build_app("fly"), ["fly"])
    assert result.exit_code == 2


def test_help_is_quick_because_it_loads_no_command() -> None:
    code = (
        "import sys; from cli.main import build_app; build_app(None);"
        " heavy = {'sqlalchemy', 'fastapi', 'celery', 'numpy', 'shapely', 'psycopg'} & set(sys.modules);"
        " sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
