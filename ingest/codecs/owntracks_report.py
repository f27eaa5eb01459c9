"""What an OwnTracks app tells of itself: its status and its card, as a report.

A status is the answer to the command `status`. It tells a dispatcher why a phone falls silent: the phone's
system may stop an app that it saves battery on, that nobody opens, or that may locate itself only while it
is looked at. Android sends `android{...}` (its first version: the same keys without the object around
them), iOS `iOS{...}`.

| key | report | values |
|---|---|---|
| android `bo` | `battery_optimised` | 1 = true: Android may stop the app |
| android `ps` | `power_save` | 1 = true: the whole phone saves power |
| android `hib` | `app_hibernation` | 1 = true: Android may put an unopened app to sleep |
| android `loc` | `location_permission` | 0, -1, ... -4: see LOCATION_PERMISSIONS |
| android `wifi` | `wifi_on` | 1 = true: the radio is on, used or not |
| android `version`, `flavour` | `app_version`, `app_flavour` | |
| iOS `locationManagerAuthorizationStatus` | `location_permission` | Apple's constants |
| iOS `backgroundRefreshStatus` | `background_refresh` | true = iOS lets the app work unopened |
| iOS `version`, `deviceSystemVersion`, `deviceModel` | `app_version`, `os_version`, `model` | |

What is of another kind, or not listed here, is left out: a report has our names and nothing else.
"""

from typing import Any

from ingest.codecs import fields
from ingest.codecs.codec import Limits

Report = dict[str, Any]

LOCATION_PERMISSIONS: dict[int, str] = {
    0: "always",
    -1: "always_approximate",
    -2: "in_use",
    -3: "in_use_approximate",
    -4: "denied",
}
_IOS_PERMISSIONS = {
    "kCLAuthorizationStatusAuthorizedAlways": "always",
    "kCLAuthorizationStatusAuthorizedWhenInUse": "in_use",
    "kCLAuthorizationStatusDenied": "denied",
    "kCLAuthorizationStatusNotDetermined": "not_asked",
    "kCLAuthorizationStatusRestricted": "restricted",
}
_IOS_REFRESH = {
    "UIBackgroundRefreshStatusAvailable": True,
    "UIBackgroundRefreshStatusDenied": False,
    "UIBackgroundRefreshStatusRestricted": False,
}
_SWITCHES = {0: False, 1: True}
_MAX_VERSION = 2**31


def report_of_status(message: fields.Message, limits: Limits) -> Report | None:
    android, ios = message.get("android"), message.get("iOS")
    report: Report = {}
    if type(ios) is dict:
        report |= _ios(ios)
    if type(android) is dict:
        report |= _android(android)
    elif type(ios) is not dict:
        report |= _android(message)
    known = {name: value for name, value in report.items() if value is not None}
    return fields.attributes(known, frozenset(), limits)


def report_of_card(message: fields.Message, limits: Limits) -> Report | None:
    """The name a driver shows to his friends; `face`, a picture, is dropped."""
    known = {key: text for key in ("name", "tid") if (text := _text(message, key))}
    return fields.attributes(known, frozenset(), limits)


def _android(status: fields.Message) -> Report:
    return {
        "battery_optimised": _word(status, "bo", _SWITCHES),
        "power_save": _word(status, "ps", _SWITCHES),
        "app_hibernation": _word(status, "hib", _SWITCHES),
        "location_permission": _word(status, "loc", LOCATION_PERMISSIONS),
        "wifi_on": _word(status, "wifi", _SWITCHES),
        "app_version": _version(status, "version"),
        "app_flavour": _text(status, "flavour"),
    }


def _ios(status: fields.Message) -> Report:
    return {
        "location_permission": _word(status, "locationManagerAuthorizationStatus", _IOS_PERMISSIONS),
        "background_refresh": _word(status, "backgroundRefreshStatus", _IOS_REFRESH),
        "app_version": _version(status, "version"),
        "os_version": _version(status, "deviceSystemVersion"),
        "model": _text(status, "deviceModel"),
    }


def _word(status: fields.Message, key: str, words: dict[Any, Any]) -> Any:
    value = status.get(key)
    # By type: true is 1 to a dictionary, and 1.0 too.
    return words.get(value) if type(value) is int or type(value) is str else None


def _text(status: fields.Message, key: str) -> str | None:
    value = status.get(key)
    return value if type(value) is str and value else None


def _version(status: fields.Message, key: str) -> str | None:
    value = status.get(key)
    return str(value) if type(value) is int and 0 <= value <= _MAX_VERSION else _text(status, key)
