"""What people call the kinds of intervals, in French and in English."""

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path


@lru_cache
def event_names() -> Mapping[str, Mapping[str, str]]:
    """Kind -> {"fr", "en"}."""
    path = Path(__file__).with_suffix(".toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))
