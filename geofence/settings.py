"""How hard a geofence has to be convinced that a truck came or went: settings of one fence, with defaults."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from .errors import FenceError

MAX_CONFIRMATIONS = 100
MAX_DWELL_S = 86_400
MAX_EXIT_MARGIN_M = 10_000.0
MAX_ACCURACY_CAP_M = 5_000.0
MAX_SEGMENT_GAP_S = 86_400

Confirmations = Annotated[int, msgspec.Meta(ge=1, le=MAX_CONFIRMATIONS)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=MAX_DWELL_S)]


class FenceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All times are event time (the device's clock). A missing setting has its default.

    | setting | unit | default | meaning, and why this default |
    |---|---|---|---|
    | enter_confirmations | fixes | 1 | fixes inside before a visit opens; 1: an arrival is wanted at once, and a single fix inside is rarely wrong |
    | enter_dwell_s | s | 0 | span of those fixes; raise it for fences beside busy roads, where trucks pass by |
    | exit_margin_m | m | 100 | a fix is clearly outside only beyond this distance from the border: a truck's length and the errors of a receiver between buildings, which are larger than it claims, so that parking at the gate is no exit |
    | exit_confirmations | fixes | 2 | clearly outside fixes before a visit closes; 2: one wild fix is common, two running are not |
    | exit_dwell_s | s | 180 | span of those fixes; a truck weighing or turning outside the gate is still at the place |
    | accuracy_cap_m | m | 200 | a fix's claimed accuracy is added to exit_margin_m, but at most this much: phones claim kilometres when on cell towers, and would never leave |
    | segment_crossing | - | true | report a fast pass through the fence between two fixes that are both outside |
    | segment_max_gap_s | s | 300 | the pass is believed only if the two fixes are at most this far apart: the road between older ones is unknown |
    """

    enter_confirmations: Confirmations = 1
    enter_dwell_s: Seconds = 0
    exit_margin_m: Annotated[float, msgspec.Meta(ge=0, le=MAX_EXIT_MARGIN_M)] = 100.0
    exit_confirmations: Confirmations = 2
    exit_dwell_s: Seconds = 180
    accuracy_cap_m: Annotated[float, msgspec.Meta(ge=0, le=MAX_ACCURACY_CAP_M)] = 200.0
    segment_crossing: bool = True
    segment_max_gap_s: Annotated[int, msgspec.Meta(ge=0, le=MAX_SEGMENT_GAP_S)] = 300

    @property
    def reach_m(self) -> float:
        """Beyond this distance a fix is clearly outside, whatever accuracy it claims."""
        return self.exit_margin_m + self.accuracy_cap_m


_FIELDS = {field.name: field.type for field in msgspec.structs.fields(FenceSettings)}
DEFAULTS = FenceSettings()


def parse_settings(overrides: Mapping[str, Any]) -> FenceSettings:
    """Settings as stored with a fence: overrides only. Raises FenceError (setting_*)."""
    if not isinstance(overrides, Mapping):
        raise FenceError("setting_wrong_type", "settings must be an object of names and values")
    unknown = [str(name) for name in overrides if name not in _FIELDS]
    if unknown:
        raise FenceError(
            "setting_unknown",
            f"no such setting: {', '.join(sorted(unknown))}; there are {', '.join(_FIELDS)}",
        )
    return FenceSettings(**{name: _setting(name, value) for name, value in overrides.items()})


def _setting(name: str, value: object) -> Any:
    try:
        return msgspec.convert(value, _FIELDS[name])
    except msgspec.ValidationError as error:
        # msgspec says `>=` or `<=` when the type is right and the value is not.
        out_of_range = ">=" in str(error) or "<=" in str(error)
        code = "setting_out_of_range" if out_of_range else "setting_wrong_type"
        raise FenceError(code, f"{name}: {str(error).lower()}, got {value!r:.60}") from None
