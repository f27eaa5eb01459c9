"""The settings that a fleet or a device may make about how its vehicles are judged."""

from typing import Any

import msgspec
import pytest

from telemetry.rules import DEFAULTS, RuleError, VehicleRules, check_overrides, merge


def test_nothing_set_is_the_defaults() -> None:
    assert merge(DEFAULTS, []) is DEFAULTS
    assert merge(DEFAULTS, [{}, {}]) is DEFAULTS
    assert check_overrides({}) == {}


def test_a_device_has_the_last_word_over_its_fleet() -> None:
    rules = merge(DEFAULTS, [{"speed_limit_kmh": 80, "gap_s": 7200}, {"speed_limit_kmh": 60}])
    assert (rules.speed_limit_kmh, rules.gap_s, rules.stop_min_s) == (60, 7200, DEFAULTS.stop_min_s)


def test_whole_numbers_will_do_for_measures() -> None:
    checked = check_overrides({"stop_radius_m": 150})
    assert checked == {"stop_radius_m": 150.0}
    assert isinstance(checked["stop_radius_m"], float)


@pytest.mark.parametrize(
    ("overrides", "code"),
    [
        ({"speed_limit": 90}, "rule_unknown"),
        ({"stop_radius_m": "200"}, "rule_wrong_type"),
        ({"stop_min_s": 90.5}, "rule_wrong_type"),
        ({"stop_min_s": True}, "rule_wrong_type"),
        ({"use_ignition": 1}, "rule_wrong_type"),
        ({"mock": "believe"}, "rule_wrong_type"),
        ({"stop_radius_m": None}, "rule_wrong_type"),
        ({"stop_radius_m": 19.9}, "rule_out_of_range"),
        ({"stop_radius_m": 5000.1}, "rule_out_of_range"),
        ({"takeover_s": 0}, "rule_out_of_range"),
        ({"speed_limit_kmh": 0}, "rule_out_of_range"),
        ({"parking_min_s": 86_401}, "rule_out_of_range"),
    ],
)
def test_what_cannot_be_is_refused_with_a_code_and_words(overrides: dict[str, Any], code: str) -> None:
    with pytest.raises(RuleError) as refused:
        check_overrides(overrides)
    assert refused.value.code == code
    assert next(iter(overrides)) in refused.value.detail


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_no_measure_is_infinite_or_not_a_number(value: float) -> None:
    with pytest.raises(RuleError):
        check_overrides({"stop_radius_m": value})


def test_what_a_later_version_does_not_know_is_left_out_and_the_rest_is_taken() -> None:
    rules = merge(DEFAULTS, [{"of_the_future": 1, "gap_s": 7200, "stop_min_s": "soon"}])
    assert rules == msgspec.structs.replace(DEFAULTS, gap_s=7200)


@pytest.mark.parametrize("field", msgspec.structs.fields(VehicleRules), ids=lambda field: field.name)
def test_every_default_may_be_set_and_is_explained(field: msgspec.structs.FieldInfo) -> None:
    assert check_overrides({field.name: field.default}) == {field.name: field.default}
    assert VehicleRules.__doc__ is not None
    row = next(
        line for line in VehicleRules.__doc__.splitlines() if line.strip().startswith(f"| {field.name} |")
    )
    documented = row.split("|")[3].strip()
    shown = (
        {True: "true", False: "false"}.get(field.default, field.default)
        if isinstance(field.default, bool)
        else field.default
    )
    assert documented == (f"{shown:g}" if isinstance(shown, float) else str(shown))
