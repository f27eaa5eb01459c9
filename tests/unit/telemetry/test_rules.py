from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from telemetry.rules import DEFAULTS, RULES, RuleError, VehicleRules, check_overrides, merge, platform_rules


def test_every_setting_says_what_it_is() -> None:
    assert list(RULES) == [field.name for field in msgspec.structs.fields(VehicleRules)]
    for name, rule in RULES.items():
        assert rule.default == getattr(DEFAULTS, name)
        assert rule.meaning, name
        # A number has a unit, and two bounds: none may be set to what makes no sense.
        if rule.limits.get("type") in ("number", "integer"):
            assert rule.unit, name
            assert "maximum" in rule.limits, name
            assert {"minimum", "exclusiveMinimum"} & rule.limits.keys(), name
        else:
            assert rule.unit == "", name


def test_the_unit_is_the_one_in_the_name() -> None:
    units = {"_m": "m", "_s": "s", "_kmh": "km/h", "_mps2": "m/s2", "_v": "V", "min_pct": "% of the tank",
             "_pct_per_h": "% per h", "_pct_per_100km": "% per 100 km"}  # fmt: skip
    for name, rule in RULES.items():
        named = [unit for ending, unit in units.items() if name.endswith(ending)]
        assert named == ([rule.unit] if rule.unit else []), name


def test_the_defaults_are_within_their_own_limits() -> None:
    assert check_overrides({name: rule.default for name, rule in RULES.items()}) == {
        name: rule.default for name, rule in RULES.items()
    }


@pytest.mark.parametrize(
    ("overrides", "code"),
    [
        ({"speed_limit": 80}, "rule_unknown"),
        ({"": 1}, "rule_unknown"),
        ({"gap_s": "3600"}, "rule_wrong_type"),
        ({"gap_s": 3600.5}, "rule_wrong_type"),
        ({"gap_s": None}, "rule_wrong_type"),
        ({"gap_s": True}, "rule_wrong_type"),
        ({"use_ignition": 0}, "rule_wrong_type"),
        ({"mock": 1}, "rule_wrong_type"),
        ({"speed_limit_kmh": [80]}, "rule_wrong_type"),
        ({"gap_s": 119}, "rule_out_of_range"),
        ({"gap_s": 604_801}, "rule_out_of_range"),
        ({"speed_limit_kmh": 0}, "rule_out_of_range"),
        ({"speed_limit_kmh": float("nan")}, "rule_out_of_range"),
        ({"speed_limit_kmh": float("inf")}, "rule_out_of_range"),
        ({"speed_limit_kmh": 10**400}, "rule_out_of_range"),
        ({"mock": "believe"}, "rule_out_of_range"),
    ],
)
def test_an_override_that_cannot_be(overrides: dict[str, Any], code: str) -> None:
    with pytest.raises(RuleError) as raised:
        check_overrides(overrides)
    assert raised.value.code == code
    # It says which, and what would do.
    assert all(name[:20] in raised.value.detail for name in overrides)


def test_the_words_of_an_error_stay_short() -> None:
    with pytest.raises(RuleError) as raised:
        check_overrides({f"{'x' * 1000}{number}": 1 for number in range(1000)})
    assert len(raised.value.detail) < 2000


def test_numbers_become_those_of_the_setting() -> None:
    checked = check_overrides({"speed_limit_kmh": 80, "gap_s": 1800})
    assert (type(checked["speed_limit_kmh"]), type(checked["gap_s"])) == (float, int)


def test_the_later_layer_has_the_last_word_and_nonsense_none() -> None:
    layers: list[dict[str, Any]] = [
        {"gap_s": 1800, "speed_limit_kmh": 80},
        {"gap_s": 7200, "of_a_later_version": 1, "stop_min_s": "long"},
    ]
    merged = merge(DEFAULTS, layers)
    assert merged == msgspec.structs.replace(DEFAULTS, gap_s=7200, speed_limit_kmh=80.0)
    assert merge(merged, []) is merged


def test_what_an_operator_sets_is_the_base() -> None:
    settings = SimpleNamespace(
        max_speed_kmh=120.0, max_accuracy_m=50.0, phone_takeover_s=60, adaptive_reporting=True
    )
    expected = msgspec.structs.replace(
        DEFAULTS, max_speed_kmh=120.0, max_accuracy_m=50.0, takeover_s=60, adaptive_reporting=True
    )
    assert platform_rules(settings) == expected
