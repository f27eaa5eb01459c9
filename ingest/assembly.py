"""From the pings of a batch to what the fold takes: which vehicle each was on, in the fold's order, and which are late."""

from collections.abc import Mapping

import msgspec
import numpy as np

from ingest.arbitration import VehicleInput
from ingest.fleet import NO_CARRIER, NO_VEHICLE, Fleet
from ingest.fold import all_on_time, late_rows
from ingest.ledger import NONE_ARRIVED, Arrived
from ingest.state import VehicleState
from ingest.stored_track import Track, in_order
from ingest.track import Ints, Pings, groups, together


def track_of(fleet: Fleet, pings: Pings) -> Track:
    """The pings of devices on a vehicle, in the order of the fold."""
    devices, places = np.unique(pings.device, return_inverse=True)
    known_devices = [fleet.by_id[device_id] for device_id in devices.tolist()]
    only = [device.only_vehicle for device in known_devices]
    vehicle = np.array([NO_VEHICLE if each is None else each for each in only], np.int64)[places]
    for place, (device, each) in enumerate(zip(known_devices, only, strict=True)):
        if each is None:
            rows = np.flatnonzero(places == place)
            vehicle[rows] = device.vehicles_at(pings.time_us[rows])
    priority = np.array([device.priority for device in known_devices], np.int64)[places]
    riding = np.flatnonzero(vehicle != NO_VEHICLE)
    if len(riding) < len(vehicle):
        pings, vehicle, priority = pings.take(riding), vehicle[riding], priority[riding]
    return in_order(Track(pings, vehicle, priority))


def with_stored(track: Track, behind: Track) -> Track:
    """The track with the stored pings of the vehicles that `behind` has, instead of their new ones alone."""
    others = np.flatnonzero(~np.isin(track.vehicle, np.unique(behind.vehicle)))
    return in_order(
        Track(
            together([track.pings.take(others), behind.pings]),
            np.concatenate([track.vehicle[others], behind.vehicle]),
            np.concatenate([track.priority[others], behind.priority]),
        )
    )


def earliest_us(track: Track) -> dict[int, int]:
    """From when each vehicle has to be folded again because a stored ping changed."""
    starts, _ = groups(track.vehicle)
    return dict(zip(track.vehicle[starts].tolist(), track.pings.time_us[starts].tolist(), strict=True))


def on_time(
    fleet: Fleet, track: Track, states: Mapping[int, VehicleState], dirty: dict[int, int | None]
) -> tuple[list[VehicleInput], Arrived]:
    """Each vehicle's rows after its state, and those that came late; from when these change something goes to `dirty`."""
    inputs: list[VehicleInput] = []
    late: list[Ints] = []
    starts, stops = groups(track.vehicle)
    columns = (track.vehicle[starts], starts, stops, track.pings.time_us[starts])
    for vehicle_id, start, stop, first_us in zip(*(column.tolist() for column in columns), strict=True):
        state = states.get(vehicle_id)
        if state is None:
            continue
        vehicle = VehicleInput(
            vehicle_id,
            fleet.carriers.get(vehicle_id, NO_CARRIER),
            state,
            fleet.rules_of(vehicle_id),
            start,
            stop,
        )
        if not all_on_time(state, first_us):
            count, changed_us = late_rows(track.pings, track.priority, vehicle)
            late.append(np.arange(start, start + count))
            vehicle = msgspec.structs.replace(vehicle, start=start + count)
            if changed_us is not None:
                earliest_us = dirty.get(vehicle_id, changed_us)
                dirty[vehicle_id] = None if earliest_us is None else min(changed_us, earliest_us)
        inputs.append(vehicle)
    if not late:
        return inputs, NONE_ARRIVED
    rows = np.concatenate(late)
    return inputs, Arrived(track.pings.device[rows], track.pings.received_us[rows])
