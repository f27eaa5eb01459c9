"""Traccar's names of alarms in our words: the OsmAnd protocol and Traccar's forwarding both speak them.

Facts: the `ALARM_*` constants of Traccar's model/Position.java, the spellings it has given up among them.
Traccar joins several alarms of one position with commas.
"""

from typing import Any

TRACCAR_ALARMS: dict[str, str] = {
    "accident": "accident",
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
    "hardBreaking": "harsh_braking",  # an older spelling
    "hardCornering": "harsh_cornering",
    "highRpm": "high_engine_speed",
    "idle": "idling",
    "jamming": "jamming",
    "lowBattery": "low_battery",
    "lowPower": "low_power",
    "movement": "movement",
    "oilLeak": "fuel_drop",  # an older name
    "overspeed": "speeding",
    "powerCut": "power_cut",
    "removing": "device_removed",
    "shock": "movement",
    "sos": "sos",
    "tampering": "tampering",
    "tow": "tow",
    "vibration": "movement",
}

# Kept on the ping as they come, with the reason why no name of ours fits.
UNTRANSLATED: dict[str, str] = {
    "bonnet": "a bonnet is neither a door nor the device's cover",
    "fallDown": "a wearable, or a motorcycle, lies on its side",
    "footBrake": "the brake is used",
    "general": "says nothing",
    "laneChange": "driving style, not hard by itself",
    "lock": "all is well",
    "lowspeed": "slower than a limit set in the device",
    "parking": "stands longer than a limit set in the device",
    "powerOff": "the device switches itself off, which is not a cut of its supply",
    "powerOn": "all is well",
    "powerRestored": "all is well: the next ping without power_cut says it too",
    "temperature": "does not say whether too warm or too cold",
    "unlock": "all is well",
}


def translated(alarm: Any) -> Any:
    """Traccar's `alarm`, or a list of such, as a list of our names; of another kind, as it came."""
    names = alarm.split(",") if type(alarm) is str else alarm
    if type(names) is not list:
        return alarm
    return [TRACCAR_ALARMS.get(name.strip(), name.strip()) if type(name) is str else name for name in names]
