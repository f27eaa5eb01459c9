"""The words for what a device, or the platform by itself, raises an alarm about: one vocabulary for all formats.

A codec translates its device's codes into these names. A name that is not here is kept on the ping as the device
sent it, and nothing follows from it.
"""

from typing import Literal, NamedTuple

Severity = Literal["info", "warning", "critical"]


class Alarm(NamedTuple):
    """`lasting`: on as long as the device's pings carry it; else a moment, even when repeated at once."""

    meaning: str
    severity: Severity
    lasting: bool


ALARMS: dict[str, Alarm] = {
    "accident": Alarm("a crash, as the device's accelerometer sees it", "critical", False),
    "device_geofence": Alarm("a fence inside the device was crossed; ours are judged by the platform", "info", False),
    "device_removed": Alarm("the tracker was taken out of its holder or plug", "critical", True),
    "door_open": Alarm("a door or the cargo hold is open", "info", True),
    "fatigue_driving": Alarm("driven too long without a rest", "warning", True),
    "fault": Alarm("the vehicle or the device reports a fault", "warning", True),
    "fuel_drop": Alarm("fuel went down faster than an engine burns it", "critical", False),
    "gnss_antenna_cut": Alarm("the antenna of the receiver is cut or shorted", "critical", True),
    "gnss_lost": Alarm("no fix of the satellites for long", "warning", True),
    "harsh_acceleration": Alarm("the vehicle was accelerated hard", "warning", False),
    "harsh_braking": Alarm("the vehicle was braked hard", "warning", False),
    "harsh_cornering": Alarm("a corner was taken hard", "warning", False),
    "high_engine_speed": Alarm("the engine turns too fast", "warning", True),
    "high_temperature": Alarm("a sensor is above its limit", "warning", True),
    "idling": Alarm("the engine runs and the vehicle stands", "info", True),
    "jamming": Alarm("radio signals are being jammed", "critical", True),
    "low_battery": Alarm("the device's own battery is low", "warning", True),
    "low_power": Alarm("the supply from the vehicle is low", "warning", True),
    "low_temperature": Alarm("a sensor is below its limit", "warning", True),
    "mock_location": Alarm("positions made up by software: not to be trusted", "warning", True),
    "movement": Alarm("moved or shaken while parked", "warning", False),
    "power_cut": Alarm("the supply from the vehicle is cut", "critical", True),
    "refuel": Alarm("fuel was filled in", "info", False),
    "sos": Alarm("somebody pressed the panic button", "critical", False),
    "speeding": Alarm("faster than the limit for longer than a moment", "warning", True),
    "tampering": Alarm("the device's cover was opened or its wires touched", "critical", True),
    "tow": Alarm("moved with the engine off", "critical", True),
}  # fmt: skip
