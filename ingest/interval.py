"""What lasted on a vehicle, or happened at one moment: the value that every machine of the fold tells. Pure."""

from collections.abc import Iterable
from typing import Literal

import msgspec

Value = int | float | str
Origin = Literal["platform", "device"]
Place = tuple[float, float]  # lon, lat

# A stop that grows into parking is the same one.
_FAMILIES = {"parking": "stop"}
WHOLE_VEHICLE = 0  # `device_id` of what no single device tells

Key = tuple[str, Origin, int, int]


class Interval(msgspec.Struct, frozen=True):
    """`kind` is trip, stop, parking, gap, takeover, handback or a name of `telemetry.alarms.ALARMS`.

    Open while `ended_us` is None; a moment ends when it starts. `values` has what belongs to the kind, with
    units in the names.
    """

    kind: str
    started_us: int
    ended_us: int | None
    seen_us: int  # time of the fix that made it certain; of several tellings the first counts
    origin: Origin = "platform"
    device_id: int = WHOLE_VEHICLE
    start: Place | None = None
    end: Place | None = None
    values: dict[str, Value] = {}

    @property
    def key(self) -> Key:
        """Two with one key are the same interval, at different times of telling."""
        return (family_of(self.kind), self.origin, self.device_id, self.started_us)


def family_of(kind: str) -> str:
    return _FAMILIES.get(kind, kind)


def latest(told: Iterable[Interval]) -> dict[Key, Interval]:
    """Of intervals in the order of telling the last word on each, seen when it was first told."""
    found: dict[Key, Interval] = {}
    for interval in told:
        key = interval.key
        before = found.get(key)
        found[key] = interval if before is None else msgspec.structs.replace(interval, seen_us=before.seen_us)
    return found
