"""What a fleet or a device may set about how its vehicles are judged, with defaults. Pure."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, NamedTuple, Protocol, get_type_hints

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


class About(NamedTuple):
    """What people read of a setting; the API and `docs/motion.md` show it."""

    unit: str  # "" = none
    meaning: str  # and why this default


class VehicleRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All times are event time. A missing setting has its default."""

    max_accuracy_m: Annotated[
        Metres, About("m", "a worse fix does not move the vehicle: a cell tower's circle says nothing")
    ] = 500.0
    max_speed_kmh: Annotated[
        Speed,
        About(
            "km/h", "a fix that would need more since the last one is a jump; a speed above it is no speed"
        ),
    ] = 250.0
    takeover_s: Annotated[
        int,
        msgspec.Meta(ge=1, le=86_400),
        About(
            "s",
            "silence of the better source before the next counts: longer than a tunnel, shorter than a stop",
        ),
    ] = 300
    takeover_parked_s: Annotated[
        Seconds,
        About(
            "s",
            "the same when it said last that the engine is off: longer than a sleeping tracker is silent, shorter than a night",
        ),
    ] = 21_600
    mock: Annotated[
        Literal["flag", "ignore"],
        About("", "a position made up by software: `flag` it as not to be trusted, or `ignore` it"),
    ] = "flag"
    stop_radius_m: Annotated[
        float,
        msgspec.Meta(ge=20, le=5_000),
        About(
            "m",
            "all fixes of a stop lie within this of its first: wider than a receiver's wander between buildings",
        ),
    ] = 200.0
    stop_min_s: Annotated[int, msgspec.Meta(ge=30, le=7_200), About("s", "shorter halts are traffic")] = 180
    parking_min_s: Annotated[
        int,
        msgspec.Meta(ge=60, le=86_400),
        About("s", "a stop so long is parking: it ends the trip; a shorter one is part of it"),
    ] = 900
    min_trip_m: Annotated[
        Metres, About("m", "a shorter way between two stops is shunting: both stops are one")
    ] = 500.0
    gap_s: Annotated[
        int,
        msgspec.Meta(ge=120, le=604_800),
        About(
            "s",
            "no fix for longer, and elsewhere afterwards: a gap, and the trip ends where it was last seen",
        ),
    ] = 3_600
    use_ignition: Annotated[
        bool, About("", "believe the ignition where the device reports it: switched off is a stop")
    ] = True
    ignition_off_s: Annotated[Seconds, About("s", "the ignition off for so long is a stop at once")] = 60
    idle_min_s: Annotated[
        int, msgspec.Meta(ge=30, le=86_400), About("s", "the engine on while standing, for so long: idling")
    ] = 300
    tow_distance_m: Annotated[
        float,
        msgspec.Meta(ge=50, le=100_000),
        About(
            "m",
            "moved so far with the engine off: towed, or on a lorry; beyond the wander of a parked receiver",
        ),
    ] = 300.0
    speed_limit_kmh: Annotated[
        Speed, About("km/h", "faster than this, for longer than a moment, is speeding")
    ] = 90.0
    speeding_min_s: Annotated[
        Seconds, About("s", "faster than the limit for so long; a shorter overtaking is none")
    ] = 30
    harsh_braking_mps2: Annotated[
        Positive,
        About(
            "m/s2",
            "loss of speed between two fixes at most 3 s apart; a laden lorry's full braking is about 5",
        ),
    ] = 3.5
    harsh_acceleration_mps2: Annotated[
        Positive, About("m/s2", "gain of speed between two fixes at most 3 s apart")
    ] = 2.8
    fuel_drop_min_pct: Annotated[
        float, msgspec.Meta(ge=1, le=100), About("% of the tank", "smaller falls are slosh")
    ] = 6.0
    refuel_min_pct: Annotated[
        float, msgspec.Meta(ge=1, le=100), About("% of the tank", "smaller rises are slosh")
    ] = 6.0
    fuel_max_burn_pct_per_h: Annotated[
        Percent, About("% per h", "a fall that an engine explains by time: 60 l/h of 500 l")
    ] = 12.0
    fuel_max_burn_pct_per_100km: Annotated[
        Percent, About("% per 100 km", "a fall that an engine explains by distance: 60 l/100 km of 500 l")
    ] = 12.0
    fuel_ignore_drains_in_move: Annotated[
        bool, About("", "leave out falls on the way: fuel slopes and sloshes while driving")
    ] = True
    fuel_ignore_refuels_in_move: Annotated[
        bool, About("", "leave out rises on the way: nobody fills up while driving")
    ] = True
    power_cut_v: Annotated[
        float,
        msgspec.Meta(ge=0, le=100),
        About("V", "a supply below this is cut; above it a device with a low supply says `low_power` itself"),
    ] = 6.0
    adaptive_reporting: Annotated[
        bool, About("", "tell devices how often to report: faster near pickup and delivery")
    ] = False


_FIELDS = {field.name: field.type for field in msgspec.structs.fields(VehicleRules)}
DEFAULTS = VehicleRules()


class Rule(NamedTuple):
    """One setting as the API shows it."""

    unit: str
    meaning: str
    default: Any
    limits: dict[str, Any]  # JSON Schema: type, minimum, exclusiveMinimum, maximum, enum


def _rules() -> dict[str, Rule]:
    found = {}
    for name, hint in get_type_hints(VehicleRules, include_extras=True).items():
        about = next(extra for extra in hint.__metadata__ if isinstance(extra, About))
        found[name] = Rule(*about, getattr(DEFAULTS, name), msgspec.json.schema(hint))
    return found


RULES: dict[str, Rule] = _rules()


class PlatformLimits(Protocol):
    """The part of `config.settings.Settings` that an operator sets for every vehicle."""

    @property
    def max_speed_kmh(self) -> float: ...
    @property
    def max_accuracy_m(self) -> float: ...
    @property
    def phone_takeover_s(self) -> int: ...
    @property
    def adaptive_reporting(self) -> bool: ...


def platform_rules(settings: PlatformLimits) -> VehicleRules:
    """What vehicles are judged by, where neither their fleet nor their devices say otherwise."""
    return VehicleRules(
        max_speed_kmh=settings.max_speed_kmh,
        max_accuracy_m=settings.max_accuracy_m,
        takeover_s=settings.phone_takeover_s,
        adaptive_reporting=settings.adaptive_reporting,
    )


_SHOWN_NAMES = 5


def check_overrides(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The overrides as they may be stored. Raises RuleError."""
    unknown = sorted(str(name) for name in overrides if name not in _FIELDS)
    if unknown:
        shown = ", ".join(f"{name:.60}" for name in unknown[:_SHOWN_NAMES])
        raise RuleError("rule_unknown", f"no such setting: {shown}; there are {', '.join(_FIELDS)}")
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
        # msgspec names the bound, or the range or list of values, when the type is right and the value is not.
        said = str(error).lower()
        out_of_range = any(sign in said for sign in (">", "<", "range", "enum"))
        code = "rule_out_of_range" if out_of_range else "rule_wrong_type"
        raise RuleError(code, f"{name}: {said}, got {value!r:.60}") from None
