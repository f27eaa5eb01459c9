"""From the intervals that were told and those that pings show now to what has to be told."""

from typing import Any

import pytest

from ingest.interval import Interval, latest
from ingest.interval_diff import StoredInterval, change_of, diff, in_scope, with_seen


def interval(
    started: int, ended: int | None, kind: str = "trip", *, seen: int | None = None, **more: Any
) -> Interval:
    return Interval(kind, started, ended, started if seen is None else seen, **more)


def stored(number: int, *args: Any, **kwargs: Any) -> StoredInterval:
    return StoredInterval(number, interval(*args, **kwargs))


def summary(old: list[StoredInterval], new: list[Interval]) -> list[tuple[str, int | None, int | None]]:
    """(change, id, start)"""
    return [
        (c.change, c.stored.id if c.stored else None, c.interval.started_us if c.interval else None)
        for c in diff(old, new)
    ]


def test_the_same_again_changes_nothing() -> None:
    assert summary([stored(1, 0, 10), stored(2, 20, None)], [interval(0, 10), interval(20, None)]) == []


def test_what_is_over_has_ended_and_takes_nothing_back() -> None:
    assert summary([stored(1, 0, None)], [interval(0, 10)]) == [("ended", 1, 0)]


def test_another_end_is_a_revision() -> None:
    assert summary([stored(1, 0, 10)], [interval(0, 12)]) == [("revised", 1, 0)]


def test_so_is_one_that_is_open_again() -> None:
    assert summary([stored(1, 0, 10)], [interval(0, None)]) == [("revised", 1, 0)]


def test_a_stop_that_grew_into_parking_is_the_same_one() -> None:
    assert summary([stored(1, 0, None, "stop")], [interval(0, None, "parking")]) == [("revised", 1, 0)]


def test_a_stop_is_never_taken_for_a_trip() -> None:
    assert sorted(summary([stored(1, 0, 10, "stop")], [interval(0, 10, "trip")])) == [
        ("created", None, 0), ("retracted", 1, None)
    ]  # fmt: skip


def test_nor_the_devices_word_for_the_platforms_nor_one_device_for_another() -> None:
    old = [stored(1, 0, 9, "speeding"), stored(2, 0, 9, "jamming", device_id=1)]
    new = [interval(0, 9, "speeding", origin="device", device_id=1), interval(0, 9, "jamming", device_id=2)]
    assert sorted(change for change, *_ in summary(old, new)) == [
        "created",
        "created",
        "retracted",
        "retracted",
    ]


def test_only_another_ping_that_made_it_certain_is_told_to_nobody() -> None:
    assert summary([stored(1, 0, 10, seen=5)], [interval(0, 10, seen=7)]) == [("reseen", 1, 0)]


@pytest.mark.parametrize(
    "changes", [{"values": {"distance_m": 2.0}}, {"start": (1.0, 2.0)}, {"end": (1.0, 2.0)}]
)
def test_other_values_or_places_are_a_revision(changes: dict[str, Any]) -> None:
    before = interval(0, 10, values={"distance_m": 1.0}, start=(0.0, 0.0), end=(0.0, 0.0))
    after = interval(
        0, 10, **{"values": {"distance_m": 1.0}, "start": (0.0, 0.0), "end": (0.0, 0.0), **changes}
    )
    assert change_of(before, after) == "revised"


def test_a_refold_decides_what_became_certain_after_its_start_or_was_open_there() -> None:
    old = [
        stored(1, 0, 10, seen=5),
        stored(2, 5, 60, seen=20),
        stored(3, 30, 40, seen=90),
        stored(4, 6, 7, seen=50),
    ]
    open_at_start = [interval(5, None, seen=0)]
    assert [each.id for each in in_scope(old, 50, open_at_start)] == [2, 3]


def test_what_was_open_at_the_start_became_certain_when_it_was_told() -> None:
    at_start = [interval(5, None, seen=0)]
    known = latest([*at_start, interval(5, 60, seen=60), interval(70, None, seen=75)])
    seen = with_seen(known, [stored(2, 5, None, seen=20)], at_start, 50)
    assert [(i.started_us, i.seen_us) for i in seen] == [(5, 20), (70, 75)]


def test_of_several_tellings_the_last_one_counts_seen_at_the_first() -> None:
    (found,) = latest([interval(5, None, "stop", seen=8), interval(5, 60, "parking", seen=61)]).values()
    assert (found.kind, found.ended_us, found.seen_us) == ("parking", 60, 8)
