"""The law of the telemetry core, on the pure functions alone."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.arbitration import VehicleInput
from ingest.fold import fold, open_intervals
from ingest.interval import latest
from ingest.state import VehicleState, decode_state, encode_state
from ingest.track import together
from telemetry.rules import VehicleRules
from tests.support.law import (
    RULE_SETS,
    RULES,
    Books,
    Candidate,
    brute_force,
    deliveries,
    fold_one,
    index,
    track_of,
    tracks,
)


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_any_order_repetition_and_batching_tell_the_same(data: st.DataObject) -> None:
    rules, pings = data.draw(RULE_SETS), data.draw(tracks())
    books = Books(rules)
    for batch in data.draw(deliveries(pings)):
        books.take(batch)
        if data.draw(st.booleans()):
            books.reconcile()
    books.reconcile()
    assert books.known == brute_force(pings, rules)


@settings(max_examples=250, deadline=None)
@given(tracks(), st.integers(0, 40), RULE_SETS)
def test_a_state_survives_its_encoding_anywhere_in_a_track(
    pings: list[Candidate], cut: int, rules: VehicleRules
) -> None:
    fences = index()
    whole = fold_one(VehicleState(), pings, fences, rules)
    first = fold_one(VehicleState(), pings[:cut], fences, rules)
    restored = decode_state(encode_state(first.state))
    second = fold_one(restored, pings[cut:], fences, rules)
    assert second.state == whole.state
    assert first.transitions + second.transitions == whole.transitions
    assert latest(first.told + second.told) == latest(whole.told)


@settings(max_examples=250, deadline=None)
@given(tracks(), RULE_SETS)
def test_what_is_open_in_a_state_is_what_was_told_and_not_ended(
    pings: list[Candidate], rules: VehicleRules
) -> None:
    output = fold_one(VehicleState(), pings, index(), rules)
    told = {key: i for key, i in latest(output.told).items() if i.ended_us is None}
    assert {i.key: (i.kind, i.start, i.values) for i in open_intervals(output.state)} == {
        key: (i.kind, i.start, i.values) for key, i in told.items()
    }


@settings(max_examples=250, deadline=None)
@given(tracks(), RULE_SETS)
def test_nothing_ends_before_it_starts_or_is_seen_before_it_happens(
    pings: list[Candidate], rules: VehicleRules
) -> None:
    for interval in brute_force(pings, rules).intervals:
        assert interval.started_us <= interval.seen_us
        assert interval.ended_us is None or interval.started_us <= interval.ended_us


@settings(max_examples=60, deadline=None)
@given(st.lists(tracks(), min_size=2, max_size=5))
def test_folding_many_vehicles_at_once_is_folding_each_alone(fleet: list[list[Candidate]]) -> None:
    fences = index()
    parts = [track_of(pings) for pings in fleet]
    pings = together([part for part, _ in parts])
    priority = [rank for _, ranks in parts for rank in ranks]
    inputs, start = [], 0
    for part, _ in parts:
        inputs.append(VehicleInput(1, -1, VehicleState(), RULES, start, start + len(part)))
        start += len(part)
    at_once = fold(pings, np.array(priority), inputs, fences)
    alone = [fold_one(VehicleState(), each, fences) for each in fleet]
    assert [(o.state, o.transitions, o.told) for o in at_once] == [
        (o.state, o.transitions, o.told) for o in alone
    ]
