"""docs/motion.md is what the code has: settings with units, defaults and limits; kinds; what their details hold."""

import re
from pathlib import Path
from typing import Any

from platform_api.telemetry.rules import DEFAULT_RANGE, MAX_RANGE, MAX_TRIP_STOPS
from platform_api.tracking.rules import CARGO_KINDS, JOURNEY_KINDS
from telemetry.kinds import KINDS
from telemetry.rules import RULES, Rule
from tests.support.words import details_told

PAGE = (Path(__file__).parents[2] / "docs" / "motion.md").read_text(encoding="utf-8")


def row_of(name: str, rule: Rule) -> str:
    return f"| `{name}` | {rule.unit} | {_value(rule.default)} | {_limits(rule.limits)} | {rule.meaning} |"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"`{value}`" if isinstance(value, str) else f"{value:,g}"


def _limits(limits: dict[str, Any]) -> str:
    if "enum" in limits:
        return ", ".join(f"`{choice}`" for choice in limits["enum"])
    if "maximum" not in limits:
        return ""
    least = (
        f"above {limits['exclusiveMinimum']:,}" if "exclusiveMinimum" in limits else f"{limits['minimum']:,}"
    )
    return f"{least} to {limits['maximum']:,}"


def test_the_settings_are_those_of_the_code() -> None:
    rows = [
        line
        for line in PAGE.splitlines()
        if re.match(r"\| `\w+` \| [^|]* \| [^|]* \| [^|]* \| [^|]* \|$", line)
    ]
    assert rows == [row_of(name, rule) for name, rule in RULES.items()]


def test_every_kind_is_in_the_page_with_its_severity() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (info|warning|critical) \|", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted((name, kind.severity) for name, kind in KINDS.items())


def test_every_detail_is_in_the_page() -> None:
    assert len(details_told()) > 10
    assert details_told() <= set(re.findall(r"`(\w+)`", PAGE))


def test_the_limits_of_lists_are_in_the_api_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    assert f"at most {MAX_RANGE.days} days at once, the last {DEFAULT_RANGE.days} when left out" in page
    assert f"`stops` has the first {MAX_TRIP_STOPS} on\nthe way" in page


def test_who_sees_what_is_in_the_page() -> None:
    [row] = re.findall(r"^\| shipper, freight broker \|.*$", PAGE, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) == JOURNEY_KINDS | CARGO_KINDS
