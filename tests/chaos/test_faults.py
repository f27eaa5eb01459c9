"""The short form of `make chaos`: every fault once, over an hour of a few trucks."""

import time

import pytest

from cli.parts.mosquitto import find_mosquitto
from tests.chaos.faults import FAULTS, UNDISTURBED, Fault
from tests.chaos.load import Load, make_load
from tests.chaos.trial import Trial, run, why_not
from tests.chaos.verdict import complaints
from tests.support.parts import missing

TRUCKS, HOURS = 9, 1.0
DRIVING_S, DOWN_S = 6.0, 1.5


@pytest.fixture(scope="module")
def load() -> Load:
    if find_mosquitto() is None:
        missing("mosquitto", "no mosquitto binary (Debian: apt-get install mosquitto)")
    return make_load(TRUCKS, HOURS, time.time_ns() // 1000)


@pytest.fixture(scope="module")
def undisturbed(load: Load) -> Trial:
    trial = run(load, UNDISTURBED, driving_s=DRIVING_S, down_s=DOWN_S)
    assert complaints(load, trial.outcome) == []
    # Else the comparison below would prove nothing.
    assert len(trial.outcome.visits) > 10
    assert sum(len(intervals) for intervals in trial.outcome.intervals.values()) > 10
    return trial


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_nothing_is_lost_and_the_same_is_told(load: Load, undisturbed: Trial, fault: Fault) -> None:
    if (reason := why_not(fault)) is not None:
        missing("faketime" if fault.own_clock else "mount", reason)
    trial = run(load, fault, driving_s=DRIVING_S, down_s=DOWN_S)
    assert complaints(load, trial.outcome, undisturbed.outcome) == []
