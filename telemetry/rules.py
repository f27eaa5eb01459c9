"""What a fleet or a device may set about how its vehicles are judged, with defaults. Pure."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import msgspec

Metres = Annotated[float, msgspec.Meta(ge=0, le=100_000)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=86_400)]
Speed = Annotated[float, msgspec.Meta(gt=0, le=1_000)]
Percent = Annotated[float, msgspec.Meta(ge=0, le=100)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=1_000)]


class RuleError(ValueError):
    """A setting that cannot be. `code` is stable (rule_unknown, rule_wrong_type, rule_out_of_range)."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class VehicleRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All times are event time. A missing setting has its default.

    | setting | unit | default | meaning, and why this default |
    |---|---|---|---|
    | max_accuracy_m | m | 500 | a worse fix does not move the vehicle: a cell tower's circle says nothing |
    | max_speed_kmh | km/h | 250 | a fix that would need more since the last one is a jump; a reported speed above it is no speed |
    | takeover_s | s | 300 | silence of the better source before the next one counts: longer than a tunnel, shorter than a stop |
    | mock | - | flag | a phone's position made up by software: `flag` it as not to be trusted, or `ignore` it |
    | stop_radius_m | m | 200 | all fixes of a stop lie within this of its first: wider than the wander of a receiver between buildings |
    | stop_min_s | s | 180 | shorter halts are traffic |
    | parking_min_s | s | 900 | a stop so long is parking: it ends the trip; a shorter one is part of it |
    | min_trip_m | m | 500 | a shorter way between two stops is shunting: both stops are one |
    | gap_s | s | 3600 | no fix for longer, and elsewhere afterwards: a gap, and the trip ends where it was last seen |
    | use_ignition | - | true | believe the ignition where the device reports it: off for ignition_off_s is a stop at once |
    | ignition_off_s | s | 60 | |
    | idle_min_s | s | 300 | engine on while standing, for so long: idling |
    | tow_distance_m | m | 300 | moved so far with the engine off: towed, or on a lorry; beyond the wander of a parked receiver |
    | speed_limit_kmh | km/h | 90 | |
    | speeding_min_s | s | 30 | faster than the limit for so long; a shorter overtaking is none |
    | harsh_braking_mps2 | m/s2 | 3.5 | loss of speed between two fixes at most 3 s apart; a laden lorry's full braking is about 5 |
    | harsh_acceleration_mps2 | m/s2 | 2.8 | |
    | fuel_drop_min_pct | % of the tank | 6 | smaller falls are slosh |
    | refuel_min_pct | % of the tank | 6 | |
    | fuel_max_burn_pct_per_h | % per h | 12 | a fall an engine explains by time: 60 l/h of 500 l |
    | fuel_max_burn_pct_per_100km | % per 100 km | 12 | and by distance |
    | fuel_ignore_drains_in_move | - | true | fuel slopes and sloshes while driving |
    | fuel_ignore_refuels_in_move | - | true | nobody fills up while driving |
    | power_cut_v | V | 6 | supply below this: cut; between it and a healthy battery the device itself says low_power |
    | adaptive_reporting | - | false | devices are told how often to report; where nobody sets it, MESS_ADAPTIVE_REPORTING counts |
    """  # fmt: skip

    max_accuracy_m: Metres = 500.0
    max_speed_kmh: Speed = 250.0
    takeover_s: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 300
    mock: Literal["flag", "ignore"] = "flag"
    stop_radius_m: Annotated[float, msgspec.Meta(ge=20, le=5_000)] = 200.0
    stop_min_s: Annotated[int, msgspec.Meta(ge=30, le=7_200)] = 180
    parking_min_s: Annotated[int, msgspec.Meta(ge=60, le=86_400)] = 900
    min_trip_m: Metres = 500.0
    gap_s: Annotated[int, msgspec.Meta(ge=120, le=604_800)] = 3_600
    use_ignition: bool = True
    ignition_off_s: Seconds = 60
    idle_min_s: Annotated[int, msgspec.Meta(ge=30, le=86_400)] = 300
    tow_distance_m: Annotated[float, msgspec.Meta(ge=50, le=100_000)] = 300.0
    speed_limit_kmh: Speed = 90.0
    speeding_min_s: Seconds = 30
    harsh_braking_mps2: Positive = 3.5
    harsh_acceleration_mps2: Positive = 2.8
    fuel_drop_min_pct: Annotated[float, msgspec.Meta(ge=1, le=100)] = 6.0
    refuel_min_pct: Annotated[float, msgspec.Meta(ge=1, le=100)] = 6.0
    fuel_max_burn_pct_per_h: Percent = 12.0
    fuel_max_burn_pct_per_100km: Percent = 12.0
    fuel_ignore_drains_in_move: bool = True
    fuel_ignore_refuels_in_move: bool = True
    power_cut_v: Annotated[float, msgspec.Meta(ge=0, le=100)] = 6.0
    adaptive_reporting: bool = False


_FIELDS = {field.name: field.type for field in msgspec.structs.fields(VehicleRules)}
DEFAULTS = VehicleRules()


def check_overrides(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The overrides as they may be stored. Raises RuleError."""
    unknown = sorted(str(name) for name in overrides if name not in _FIELDS)
    if unknown:
        raise RuleError(
            "rule_unknown", f"no such setting: {', '.join(unknown)}; there are {', '.join(_FIELDS)}"
        )
    return {name: _checked(name, value) for name, value in overrides.items()}


def merge(base: VehicleRules, layers: Iterable[Mapping[str, Any]]) -> VehicleRules:
    """`base` with each layer of stored overrides over the one before.

    What a later version no longer knows, or no longer takes, is left out: a vehicle must be judged.
    """
    values: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            try:
                values |= check_overrides({name: value})
            except RuleError:
                continue
    return msgspec.structs.replace(base, **values) if values else base


def _checked(name: str, value: object) -> Any:
    try:
        return msgspec.convert(value, _FIELDS[name])
    except msgspec.ValidationError as error:
        # msgspec names the bound when the type is right and the value is not.
        out_of_range = any(sign in str(error) for sign in (">", "<"))
        code = "rule_out_of_range" if out_of_range else "rule_wrong_type"
        raise RuleError(code, f"{name}: {str(error).lower()}, got {value!r:.60}") from None
