"""When a vehicle entered and left a geofence: a pure state machine in event time.

It sees no geometry, only how far each fix is from the fence's border, so it can be tested with
plain numbers. The rules, per fence (`geofence.settings.FenceSettings` has the defaults):

- **Enter**: `enter_confirmations` fixes inside the shape in a row, spanning `enter_dwell_s`. The event
  time is that of the first of them.
- **Exit** is decided late and dated early. A fix is *clearly outside* when it is farther from the
  border than `exit_margin_m` plus its own accuracy (counted up to `accuracy_cap_m`). After
  `exit_confirmations` of them in a row, spanning `exit_dwell_s`, the vehicle has left; the event time
  is that of the first fix after the last one inside the shape. A truck that waits on the border
  while its fixes jump across it makes one visit.
- **Pass**: two fixes outside with the straight way between them through the fence make a visit with
  interpolated times, marked `inferred`. Jitter cannot cause one: the way must be longer than
  twice the exit margin plus both accuracies.

Feeding the same fixes in event time gives the same transitions, however they were cut into batches.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from geofence.settings import FenceSettings

US = 1_000_000


class Fix(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where a device was: what geometry needs of a ping, and enough to find it again as evidence."""

    time_us: int
    lon: float
    lat: float
    accuracy_m: float | None
    device_id: int


class Sample(msgspec.Struct, frozen=True, gc=False):
    """One fix as one fence sees it."""

    fix: Fix
    distance_m: float  # to the border, negative inside; inf = out of reach
    # The way from the previous fix leads through the fence while both ends are outside:
    pass_in_us: int | None = None
    pass_out_us: int | None = None
    way_m: float = 0.0  # length of that way
    way_accuracy_m: float = 0.0  # accuracies of both ends, added
    way_us: int = 0  # time between both ends


class FenceState(msgspec.Struct, frozen=True, array_like=True):
    """What has to be remembered of one vehicle at one fence; no state = outside."""

    first: Fix  # first fix inside: the entry, once confirmed
    entered: bool
    inside_count: int
    last_inside_us: int
    left: Fix | None = None  # first fix outside the shape since the last one inside
    out_count: int = 0  # clearly outside, in a row
    out_since_us: int = 0


class Transition(msgspec.Struct, frozen=True):
    """A border crossed. `time_us` is event time; `fix` is the ping that shows it."""

    kind: Literal["enter", "exit"]
    entered_us: int
    time_us: int
    fix: Fix
    last_inside_us: int
    inferred: bool = False


def fold(
    state: FenceState | None, samples: Iterable[Sample], settings: FenceSettings
) -> tuple[FenceState | None, list[Transition]]:
    """Run `step` over samples that are in event-time order."""
    transitions: list[Transition] = []
    for sample in samples:
        state, made = step(state, sample, settings)
        transitions.extend(made)
    return state, transitions


def step(
    state: FenceState | None, sample: Sample, settings: FenceSettings
) -> tuple[FenceState | None, tuple[Transition, ...]]:
    """The next state, and the transitions that became certain with this sample."""
    if sample.distance_m <= 0.0:
        return _inside(state, sample.fix, settings)
    if state is None:
        return None, _passed(sample, settings)
    return _outside(state, sample, settings)


def expire(state: FenceState, until_us: int, at: Fix) -> tuple[Transition, ...]:
    """End of a fence's validity: an open visit closes where it was last seen to leave, else at the end."""
    if not state.entered:
        return ()
    time_us = min(state.left.time_us, until_us) if state.left else until_us
    return (_exit(state, max(time_us, state.last_inside_us), state.left or at, inferred=True),)


def _inside(
    state: FenceState | None, fix: Fix, settings: FenceSettings
) -> tuple[FenceState | None, tuple[Transition, ...]]:
    if state is not None and state.entered:
        return FenceState(state.first, True, state.inside_count, fix.time_us), ()
    first = state.first if state else fix
    count = state.inside_count + 1 if state else 1
    entered = (
        count >= settings.enter_confirmations and fix.time_us - first.time_us >= settings.enter_dwell_s * US
    )
    new = FenceState(first, entered, count, fix.time_us)
    if not entered:
        return new, ()
    return new, (Transition("enter", first.time_us, first.time_us, first, fix.time_us),)


def _outside(
    state: FenceState, sample: Sample, settings: FenceSettings
) -> tuple[FenceState | None, tuple[Transition, ...]]:
    if not state.entered:
        return None, ()
    fix = sample.fix
    left = state.left or fix
    doubt_m = min(fix.accuracy_m or 0.0, settings.accuracy_cap_m)
    if sample.distance_m <= settings.exit_margin_m + doubt_m:
        # Neither in nor clearly out: says nothing, but breaks a row of fixes outside.
        return _leaving(state, left, 0, 0), ()
    since_us = state.out_since_us if state.out_count else fix.time_us
    count = state.out_count + 1
    if count >= settings.exit_confirmations and fix.time_us - since_us >= settings.exit_dwell_s * US:
        return None, (_exit(state, left.time_us, left),)
    return _leaving(state, left, count, since_us), ()


def _leaving(state: FenceState, left: Fix, count: int, since_us: int) -> FenceState:
    return FenceState(
        state.first, state.entered, state.inside_count, state.last_inside_us, left, count, since_us
    )


def _exit(state: FenceState, time_us: int, fix: Fix, *, inferred: bool = False) -> Transition:
    return Transition("exit", state.first.time_us, time_us, fix, state.last_inside_us, inferred)


def _passed(sample: Sample, settings: FenceSettings) -> tuple[Transition, ...]:
    if sample.pass_in_us is None or sample.pass_out_us is None or not settings.segment_crossing:
        return ()
    if sample.way_us > settings.segment_max_gap_s * US:
        return ()
    if sample.way_m <= 2 * settings.exit_margin_m + sample.way_accuracy_m:
        return ()
    into, out = sample.pass_in_us, sample.pass_out_us
    return (
        Transition("enter", into, into, sample.fix, out, True),
        Transition("exit", into, out, sample.fix, out, True),
    )
