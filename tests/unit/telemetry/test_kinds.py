"""Whatever the fold can tell has a meaning and a severity. `tests/contract` compares with the page."""

from hypothesis import given, settings

from ingest.fold import open_intervals
from ingest.state import VehicleState
from telemetry.alarms import ALARMS
from telemetry.kinds import JOURNEY, KINDS, STOPS
from tests.support.law import Candidate, fold_one, index, tracks
from tests.support.words import kinds_told


def test_every_word_that_the_fold_tells_is_a_kind() -> None:
    assert kinds_told() >= {
        "trip",
        "stop",
        "parking",
        "gap",
        "takeover",
        "handback",
        "tow",
        "speeding",
        "refuel",
    }
    assert kinds_told() <= KINDS.keys()


@settings(max_examples=250, deadline=None)
@given(tracks())
def test_whatever_is_told_of_a_track_is_a_kind(pings: list[Candidate]) -> None:
    output = fold_one(VehicleState(), pings, index())
    assert {interval.kind for interval in output.told} <= KINDS.keys()
    assert all(KINDS[interval.kind].lasting for interval in open_intervals(output.state))


def test_a_kind_has_a_meaning_and_a_severity() -> None:
    assert all(kind.meaning and kind.severity in ("info", "warning", "critical") for kind in KINDS.values())
    assert set(STOPS) <= JOURNEY.keys()
    assert not JOURNEY.keys() & ALARMS.keys()
