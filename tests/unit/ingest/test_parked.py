"""A truck that stands is not driving, however its receiver wanders; docs/decisions/0012 has the whole table."""

import pytest

from tests.support.jitter import Receiver, observe, parked
from tests.support.parked import false_starts, false_trips

HOURS_6 = 21_600.0
RECEIVERS = {
    "every 1 s": Receiver(1, 45.0, 60.0),
    "every 10 s": Receiver(10, 60.0),
    "every 10 s, wandering": Receiver(10, 60.0, 60.0),
    "every 10 s, wandering for minutes": Receiver(10, 60.0, 300.0),
    "every 60 s": Receiver(60, 60.0),
    "every 60 s, wandering": Receiver(60, 60.0, 300.0),
    "every 300 s": Receiver(300, 60.0, 300.0),
}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", RECEIVERS)
def test_a_parked_truck_makes_no_trip(name: str, seed: int) -> None:
    receiver = RECEIVERS[name]
    fixes = list(observe(parked(0.0, HOURS_6 / (6 if receiver.every_s == 1 else 1)), receiver, seed))
    assert false_trips(fixes) == 0


def test_these_receivers_would_make_one_by_a_simple_rule() -> None:
    for name in ("every 10 s", "every 10 s, wandering", "every 60 s"):
        fixes = list(observe(parked(0.0, HOURS_6), RECEIVERS[name], 1))
        assert false_starts(fixes) > 3, name
