"""Everything the fold remembers of one vehicle, and its bytes in the database. Pure values."""

from typing import Final

import msgspec

from geofence.crossings import FenceState, Fix
from ingest.alarm_watch import DeviceAlarms
from ingest.behaviour import Behaviour
from ingest.fuel import Fuel
from ingest.interval import Place
from ingest.motion_state import MotionState, wander_of

Key = tuple[int, int, int]  # (time_us, priority, device_id): the order of the fold
NOTHING_SEEN: Final[Key] = (-(2**62), 0, 0)
# Of the encoding: one of another format is not read, and the vehicle is folded again from its pings.
_FORMAT: Final = b"\x03"


class StateFormatError(ValueError):
    """Written by another version of the platform."""


class Source(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The device whose fixes count now. A lower priority is a better source."""

    device_id: int
    priority: int
    since_us: int  # start of its run without a pause that would have let another in
    last_us: int
    parked: bool = False  # said so by its last fix; then its silence is sleep


class VehicleState(msgspec.Struct, frozen=True, array_like=True):
    """VehicleState() = nothing seen yet."""

    key: Key = NOTHING_SEEN  # of the last ping that left a trace
    last: Fix | None = None  # last fix that counted
    source: Source | None = None
    suspect: Fix | None = None
    suspects: int = 0
    fences: dict[int, FenceState] = {}
    way_mm: int = 0  # counted up to the anchor, see `ingest.odometer`
    anchor: Place | None = None
    engine_us: int = 0  # with the engine on
    ignition: int = -1  # of the last fix that counted
    motion: MotionState = MotionState()
    behaviour: Behaviour = Behaviour()
    fuel: Fuel | None = None
    alarms: dict[int, DeviceAlarms] = {}

    @property
    def odo_mm(self) -> int:
        """The way driven; a receiver's wander while the vehicle stood is left out."""
        return self.way_mm - self.motion.wander_mm - wander_of(self.motion)


def encode_state(state: VehicleState) -> bytes:
    return _FORMAT + msgspec.msgpack.encode(state)


def decode_state(data: bytes) -> VehicleState:
    """Raises StateFormatError."""
    if data[:1] != _FORMAT:
        raise StateFormatError(f"the state is of format {data[:1]!r}, not {_FORMAT!r}")
    return _decode(data[1:])


_decode = msgspec.msgpack.Decoder(VehicleState).decode
