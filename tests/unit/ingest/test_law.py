"""The law of the telemetry core, on the pure functions alone."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.fold import Candidate, VehicleInput, VehicleState, decode_state, encode_state, fold
from tests.support.law import LIMITS, Books, brute_force, deliveries, index, tracks


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_any_order_repetition_and_batching_end_in_the_same_visits(data: st.DataObject) -> None:
    pings = data.draw(tracks())
    books = Books()
    for batch in data.draw(deliveries(pings)):
        books.take(batch)
        if data.draw(st.booleans()):
            books.reconcile()
    books.reconcile()
    assert books.visits == brute_force(pings)


@settings(max_examples=150, deadline=None)
@given(tracks(), st.integers(0, 40))
def test_a_state_survives_its_encoding_anywhere_in_a_track(pings: list[Candidate], cut: int) -> None:
    fences = index()
    whole = fold([VehicleInput(1, -1, VehicleState(), pings)], fences, LIMITS)[0]
    first = fold([VehicleInput(1, -1, VehicleState(), pings[:cut])], fences, LIMITS)[0]
    restored = decode_state(encode_state(first.state))
    second = fold([VehicleInput(1, -1, restored, pings[cut:])], fences, LIMITS)[0]
    assert second.state == whole.state
    assert first.transitions + second.transitions == whole.transitions


@settings(max_examples=60, deadline=None)
@given(st.lists(tracks(), min_size=2, max_size=5))
def test_folding_many_vehicles_at_once_is_folding_each_alone(fleet: list[list[Candidate]]) -> None:
    fences = index()
    inputs = [VehicleInput(number, -1, VehicleState(), pings) for number, pings in enumerate(fleet)]
    assert fold(inputs, fences, LIMITS) == [fold([one], fences, LIMITS)[0] for one in inputs]
