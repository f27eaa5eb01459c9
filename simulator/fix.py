"""One position as a device knows it: what the simulator makes, transforms and sends."""

import msgspec


class Fix(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """None = the device does not know. `seq` 0 = not numbered yet (see `faults.numbered`)."""

    time_us: int  # device clock, microseconds since the Unix epoch, UTC
    lon: float  # degrees, WGS 84
    lat: float
    speed_kmh: float | None = None
    heading_deg: float | None = None  # from north, clockwise, [0, 360)
    altitude_m: float | None = None
    accuracy_m: float | None = None  # claimed radius holding 68 % of the errors
    satellites: int | None = None
    hdop: float | None = None
    ignition: bool | None = None
    battery_pct: float | None = None
    fuel_pct: float | None = None
    odometer_km: float | None = None
    seq: int = 0


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Fixes that leave the device together.

    `due_us` is the simulated moment of the publish; `backlog` chooses the lane of old pings.
    """

    due_us: int
    fixes: tuple[Fix, ...]
    backlog: bool = False
