"""Traccar's names of alarms in our words: `ALARM_*` of its model/Position.java, 38 names.

A name that is not here is kept as Traccar sends it: it says what is no alarm of ours (`powerOn`, `lock`,
`unlock`, `parking`, `powerRestored`, `footBrake`, `laneChange`, `lowspeed`), or not enough: `general`,
`temperature` (too high or too low?), `powerOff` (of the device or of the vehicle?), `fallDown`.
"""

from typing import Final

TRACCAR_ALARMS: Final[dict[str, str]] = {
    "accident": "accident",
    "bonnet": "door_open",
    "door": "door_open",
    "fatigueDriving": "fatigue_driving",
    "fault": "fault",
    "fuelLeak": "fuel_drop",
    "geofence": "device_geofence",
    "geofenceEnter": "device_geofence",
    "geofenceExit": "device_geofence",
    "gpsAntennaCut": "gnss_antenna_cut",
    "hardAcceleration": "harsh_acceleration",
    "hardBraking": "harsh_braking",
    "hardCornering": "harsh_cornering",
    "highRpm": "high_engine_speed",
    "idle": "idling",
    "jamming": "jamming",
    "lowBattery": "low_battery",
    "lowPower": "low_power",
    "movement": "movement",
    "overspeed": "speeding",
    "powerCut": "power_cut",
    "removing": "device_removed",
    "shock": "movement",  # before Traccar 6; `vibration` since
    "sos": "sos",
    "tampering": "tampering",
    "tow": "tow",
    "vibration": "movement",
}
