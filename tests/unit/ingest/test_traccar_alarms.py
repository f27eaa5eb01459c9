"""Traccar's alarms: every name is decided, every translation exists, and the page tells them."""

import re
from pathlib import Path

import pytest

from ingest.codecs.traccar_alarms import TRACCAR_ALARMS, UNTRANSLATED, translated
from telemetry.alarms import ALARMS

PAGE = Path(__file__).parents[3] / "docs" / "codecs.md"
# The constants of Traccar's model/Position.java, 2024, and two spellings of older versions.
NAMES = re.findall(
    r"\S+",
    """
    general sos vibration movement lowspeed overspeed fallDown lowPower lowBattery fault powerOff powerOn door
    lock unlock geofence geofenceEnter geofenceExit gpsAntennaCut accident tow idle highRpm hardAcceleration
    hardBraking hardCornering laneChange fatigueDriving powerCut powerRestored jamming temperature parking
    shock bonnet footBrake fuelLeak tampering removing hardBreaking oilLeak
""",
)


def test_every_name_is_either_translated_or_kept_for_a_reason() -> None:
    assert sorted([*TRACCAR_ALARMS, *UNTRANSLATED]) == sorted(NAMES)
    assert all(UNTRANSLATED.values())


def test_translations_are_in_the_vocabulary() -> None:
    assert set(TRACCAR_ALARMS.values()) <= ALARMS.keys()


def test_the_page_names_them_all() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name, ours in TRACCAR_ALARMS.items():
        rows = [row for row in page.splitlines() if f"`{name}`" in row]
        assert any(f"`{ours}`" in row for row in rows), name
    assert [name for name in UNTRANSLATED if f"`{name}`" not in page] == []


@pytest.mark.parametrize(
    ("alarm", "names"),
    [
        ("powerCut", ["power_cut"]),
        ("powerCut, tow,sos", ["power_cut", "tow", "sos"]),
        ("powerRestored", ["powerRestored"]),
        ("mine", ["mine"]),
        ("PowerCut", ["PowerCut"]),
        ("", [""]),
        (["hardBraking", 5], ["harsh_braking", 5]),
        (5, 5),
        (None, None),
    ],
)
def test_translation(alarm: object, names: object) -> None:
    assert translated(alarm) == names
