import math

import msgspec
import pytest

from geofence.errors import FenceError
from geofence.settings import DEFAULTS, FenceSettings, parse_settings


def test_nothing_given_is_the_defaults() -> None:
    assert parse_settings({}) == FenceSettings() == DEFAULTS
    assert DEFAULTS.reach_m == 300.0


def test_overrides_replace_single_settings() -> None:
    settings = parse_settings({"exit_margin_m": 80, "segment_crossing": False, "enter_confirmations": 3})
    assert (settings.exit_margin_m, settings.segment_crossing, settings.enter_confirmations) == (
        80.0,
        False,
        3,
    )
    assert settings.exit_dwell_s == 180


def test_what_is_stored_can_be_read_again() -> None:
    assert parse_settings(msgspec.to_builtins(DEFAULTS)) == DEFAULTS


@pytest.mark.parametrize(
    ("overrides", "code", "word"),
    [
        ({"enter_confirmations": 0}, "setting_out_of_range", "enter_confirmations"),
        ({"exit_confirmations": 101}, "setting_out_of_range", "exit_confirmations"),
        ({"exit_dwell_s": -1}, "setting_out_of_range", "exit_dwell_s"),
        ({"exit_margin_m": math.nan}, "setting_out_of_range", "exit_margin_m"),
        ({"accuracy_cap_m": math.inf}, "setting_out_of_range", "accuracy_cap_m"),
        ({"exit_margin_m": "50"}, "setting_wrong_type", "exit_margin_m"),
        ({"enter_dwell_s": 1.5}, "setting_wrong_type", "enter_dwell_s"),
        ({"enter_dwell_s": True}, "setting_wrong_type", "enter_dwell_s"),
        ({"segment_crossing": 1}, "setting_wrong_type", "segment_crossing"),
        ({"exit_margin_m": None}, "setting_wrong_type", "exit_margin_m"),
        ({"exit_marginm": 5}, "setting_unknown", "exit_margin_m"),
        ([], "setting_wrong_type", "object"),
    ],
)
def test_a_bad_setting_is_named(overrides: object, code: str, word: str) -> None:
    with pytest.raises(FenceError) as caught:
        parse_settings(overrides)  # type: ignore[arg-type]
    assert caught.value.code == code
    assert word in caught.value.detail


def test_every_setting_is_in_the_table_of_its_docstring() -> None:
    for field in msgspec.structs.fields(FenceSettings):
        assert f"| {field.name} |" in (FenceSettings.__doc__ or "")
