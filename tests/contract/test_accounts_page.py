"""docs/accounts.md tells the limits as they are."""

import re
from pathlib import Path

from platform_api.accounts import limits, otp_rules, rules, sessions
from platform_api.throttle.rules import Limit

PAGE = (Path(__file__).parents[2] / "docs" / "accounts.md").read_text(encoding="utf-8")
UNITS = {"minute": limits.MINUTE, "10 minutes": 10 * limits.MINUTE, "hour": limits.HOUR, "day": limits.DAY}


def test_the_limits_are_those_of_the_code() -> None:
    told = {
        Limit(name, int(times), UNITS[per])
        for name, times, per in re.findall(r"^\| `([a-z-]+)`[^|]*\| (\d+) \| ([a-z0-9 ]+) \|$", PAGE, re.M)
    }
    assert told == {value for value in vars(limits).values() if isinstance(value, Limit)}


def test_the_countries_are_as_many_as_accepted() -> None:
    listed = re.search(r"one of these: (.*?) - ECOWAS", PAGE, re.S)
    assert listed is not None
    assert len(listed[1].replace("\n", " ").split(", ")) == len(rules.ACCEPTED_REGIONS)


def test_other_numbers_of_the_page() -> None:
    assert f"At most {sessions.MOST} sessions" in PAGE
    assert otp_rules.CODE_LIFE.total_seconds() == 600
    assert set(otp_rules.MAX_ATTEMPTS.values()) == {5, 10}
