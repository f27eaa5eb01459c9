"""The words that the fold may tell, read from its source: kinds of intervals, and what their details are called."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
TELLING = ("arbitration", "motion", "motion_state", "behaviour", "fuel", "alarm_watch")
# Words in those modules that are neither: values of settings, attributes of pings, names of fields.
OTHER_WORDS = frozenset(
    {
        "flag",
        "ignore",
        "last_known_position",
        "power_v",
        "device",
        "platform",
        "start",
        "end",
        "now",
        "rules",
        "told",
    }
)
# Keys of `details` end in their unit.
_DETAIL = re.compile(r"(\w+_)?(m|s|km|kmh|mps2|pct)|from_device")
# Told of the start and of the end.
_OF_BOTH_ENDS = ("odometer_km", "fuel_pct")


def kinds_told() -> set[str]:
    return {word for word in _words() if not _DETAIL.fullmatch(word)} - OTHER_WORDS


def details_told() -> set[str]:
    """As the API names them."""
    words = {word for word in _words() if _DETAIL.fullmatch(word)} - {*_OF_BOTH_ENDS, "from_device"}
    return (
        words | {f"{end}_{what}" for end in ("start", "end") for what in _OF_BOTH_ENDS} | {"from_device_uid"}
    )


@cache
def _words() -> frozenset[str]:
    """Every word in the modules that tell intervals, documentation apart."""
    found = set()
    for module in TELLING:
        tree = ast.parse((ROOT / "ingest" / f"{module}.py").read_text(encoding="utf-8"))
        prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
                found.add(node.value)
    return frozenset(word for word in found if re.fullmatch(r"[a-z][a-z0-9_]+", word))
