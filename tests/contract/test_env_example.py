""".env.example names every setting, each at its real default, and holds no value that would count."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
LINE = re.compile(r"^# (?P<name>[A-Z][A-Z0-9_]*)=(?P<value>.*)$", re.MULTILINE)
COMPOSE_ONLY = {"MESS_DOMAIN", "MESS_VERSION"}


@pytest.fixture(scope="module")
def example() -> dict[str, str]:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert all(not line or line.startswith("#") for line in text.splitlines()), "an uncommented value"
    return {match["name"]: match["value"] for match in LINE.finditer(text)}


def test_every_setting_is_named_and_nothing_else(example: dict[str, str]) -> None:
    named = {name for name in example if name.startswith("MESS_")} - COMPOSE_ONLY
    assert named == {f"MESS_{name.upper()}" for name in Settings.model_fields}


def test_the_values_are_the_defaults(example: dict[str, str]) -> None:
    for name, field in Settings.model_fields.items():
        default = field.default
        expected = "" if default is None or isinstance(default, SecretStr) else str(default)
        if isinstance(default, bool):
            expected = expected.lower()
        assert example[f"MESS_{name.upper()}"] == expected, name
