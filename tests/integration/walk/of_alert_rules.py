"""Rules of alerts, and geofences in groups, changed and imported."""

import json
from uuid import uuid4

from tests.integration.walk.entries import Call, Entry
from tests.integration.walk.world import World

RULES, FENCES, GROUPS = "/api/v1/alert-rules/", "/api/v1/geofences/", "/api/v1/geofence-groups/"
ALL = "shipper carrier driver broker administrator"
CIRCLE = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [-17.4281, 14.6797]},
    "properties": {"radius_m": 300},
}
OTHERS = "driver broker"


def name() -> str:
    return f"Dépôts {uuid4()}"


def rule(w: World) -> Call:
    return Call({"rule_id": w.made(w.carrier, RULES, {"name": "La nuit", "trigger": "enter"})}, body={})


def group(w: World) -> int:
    made = w.made(w.carrier, GROUPS, {"name": name()})
    return int(made)


def fence(w: World) -> Call:
    made = w.made(w.carrier, FENCES, {"name": "Dépôt", "shape": CIRCLE})
    return Call({"geofence_id": made}, body={"name": "Autre"})


ENTRIES = [
    Entry(f"POST {RULES}", lambda w: Call(body={"name": "La nuit", "trigger": "enter"}), ok=ALL),
    Entry(f"GET {RULES}", ok=ALL),
    Entry(f"GET {RULES}{{rule_id}}/", rule, ok="carrier"),
    Entry(f"PATCH {RULES}{{rule_id}}/", rule, ok="carrier"),
    Entry(f"DELETE {RULES}{{rule_id}}/", rule, ok="carrier"),
    Entry(
        f"POST {GROUPS}",
        lambda w: Call(body={"name": name()}),
        ok="shipper carrier administrator",
        forbidden=OTHERS,
    ),
    Entry(f"GET {GROUPS}", ok="shipper carrier administrator", forbidden=OTHERS),
    Entry(
        f"PATCH {GROUPS}{{group_id}}/",
        lambda w: Call({"group_id": group(w)}, body={"name": name()}),
        ok="carrier",
        forbidden=OTHERS,
    ),
    Entry(
        f"DELETE {GROUPS}{{group_id}}/",
        lambda w: Call({"group_id": group(w)}),
        ok="carrier",
        forbidden=OTHERS,
    ),
    Entry(f"PATCH {FENCES}{{geofence_id}}/", fence, ok="carrier", forbidden=OTHERS),
    Entry(
        f"POST {FENCES}import/",
        lambda w: Call(content=json.dumps(CIRCLE).encode()),
        ok="carrier administrator",
        forbidden=f"{OTHERS} shipper",
    ),
    Entry(f"GET {FENCES}export/", ok="shipper carrier administrator", forbidden=OTHERS),
]
