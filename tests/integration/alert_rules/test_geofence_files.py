"""Geofences that people change, group, bring along in a file and take out again."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from platform_api.actor import Role
from tests.integration.alert_rules.test_alert_rules import (
    CIRCLE,
    FENCES,
    RULES,
    ago,
    fence,
    inbox,
    rule,
    tell,
)
from tests.integration.orders.world import World
from tests.support.api import Person, api_on, code_of, person

GROUPS = "/api/v1/geofence-groups/"
KML = """<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Folder>
<Placemark><name>Dépôt de Thiès</name><Polygon><outerBoundaryIs><LinearRing><coordinates>
-16.93,14.79,0 -16.92,14.79,0 -16.92,14.80,0 -16.93,14.80,0 -16.93,14.79,0
</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark>
<Placemark><name>Péage</name><Point><coordinates>-17.05,14.75,0</coordinates></Point></Placemark>
<Placemark><name>N1</name><LineString><coordinates>-17.1,14.7 -17.0,14.75</coordinates></LineString></Placemark>
</Folder></Document></kml>"""


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str) -> Iterator[httpx.Client]:
    with api_on(database_url, redis_url) as client:
        yield client


@pytest.fixture
def carrier(client: httpx.Client) -> Person:
    return person(client, Role.CARRIER)


def send(owner: Person, content: str | bytes, **query: Any) -> httpx.Response:
    body = content.encode() if isinstance(content, str) else content
    headers = owner.headers | {"Content-Type": "application/octet-stream"}
    return owner.client.post(f"{FENCES}import/", content=body, params=query, headers=headers)


def names(owner: Person) -> list[str]:
    return sorted(each["name"] for each in owner.get(FENCES).json()["items"])


def collection(*features: Any) -> str:
    return json.dumps({"type": "FeatureCollection", "features": features})


def test_kml_is_looked_at_first_and_then_taken(carrier: Person) -> None:
    tried = send(carrier, KML, dry_run=True).json()
    assert [(shape["name"], shape["code"]) for shape in tried["shapes"]] == [
        ("Dépôt de Thiès", None),
        ("Péage", "radius_missing"),
        ("N1", "width_missing"),
    ]
    assert names(carrier) == []
    assert code_of(send(carrier, KML)) == (422, "import_has_errors")
    assert names(carrier) == [], "all or nothing"
    made = send(carrier, KML, radius_m=150, width_m=100)
    assert (made.status_code, made.json()["made"]) == (201, 3), made.text
    assert names(carrier) == ["Dépôt de Thiès", "N1", "Péage"]


@pytest.mark.parametrize("encoding", ["ISO-8859-1", "UTF-16"])
def test_kml_in_other_encodings(carrier: Person, encoding: str) -> None:
    content = KML.replace("UTF-8", encoding).encode(encoding)
    shapes = send(carrier, content, dry_run=True, radius_m=150, width_m=100)
    assert shapes.json()["shapes"][0]["name"] == "Dépôt de Thiès"


def test_kmz_is_taken_as_its_kml(carrier: Person) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("doc.kml", KML)
    made = send(carrier, content.getvalue(), radius_m=150, width_m=100)
    assert (made.status_code, made.json()["made"]) == (201, 3), made.text
    assert names(carrier) == ["Dépôt de Thiès", "N1", "Péage"]


def test_kml_of_old_google_earth(carrier: Person) -> None:
    old = KML.replace("http://www.opengis.net/kml/2.2", "http://earth.google.com/kml/2.1")
    assert len(send(carrier, old, dry_run=True).json()["shapes"]) == 3


def test_geojson_with_its_names_into_a_group(carrier: Person) -> None:
    group = carrier.post(GROUPS, {"name": "Clients"}).json()["id"]
    named = {**CIRCLE, "properties": {"radius_m": 200, "name": "Client\n1"}}
    answer = send(carrier, collection(named, CIRCLE), group_id=group)
    assert answer.status_code == 201, answer.text
    assert names(carrier) == ["Client 1", "Zone 2"]
    assert {each["group_id"] for each in carrier.get(FENCES).json()["items"]} == {group}


def test_what_is_exported_can_be_imported(carrier: Person, client: httpx.Client) -> None:
    send(carrier, KML, radius_m=150, width_m=100)
    exported = carrier.get(f"{FENCES}export/")
    assert exported.headers["content-type"] == "application/geo+json"
    other = person(client, Role.CARRIER)
    assert send(other, exported.content).json()["made"] == 3
    assert other.get(f"{FENCES}export/").json() == exported.json()


BOMB = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">]><kml xmlns="http://www.opengis.net/kml/2.2">&a;</kml>'
LEAK = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><kml>&a;</kml>'


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("not a file", "invalid_geojson"),
        ("[1, 2]", "invalid_geojson"),
        ("[" * 100_000, "invalid_geojson"),
        ('{"type": "FeatureCollection", "features": 3}', "invalid_geojson"),
        ('{"type": "FeatureCollection", "features": []}', "nothing_to_import"),
        ("<kml", "invalid_kml"),
        (KML.replace("UTF-8", "nonsense"), "invalid_kml"),
        (KML.replace("<Folder>", "<Folder>" * 300).replace("</Folder>", "</Folder>" * 300), "invalid_kml"),
        ("PK\x03\x04", "invalid_kmz"),
        (BOMB, "invalid_kml"),
        (LEAK, "invalid_kml"),
        ("<gpx/>", "nothing_to_import"),
        (KML.replace("-17.05,14.75,0", "here"), "invalid_kml"),
        (collection(*[CIRCLE] * 1001), "too_many_features"),
        (collection(CIRCLE, 3), "import_has_errors"),
    ],
)
def test_files_that_cannot_be_taken(carrier: Person, content: str, code: str) -> None:
    answer = send(carrier, content)
    assert code_of(answer) == (422, code), answer.text
    assert names(carrier) == []
    assert "root:" not in answer.text


def test_a_shipper_needs_a_truck_that_carries_for_him(client: httpx.Client) -> None:
    assert code_of(send(person(client, Role.SHIPPER), collection(CIRCLE))) == (403, "vehicle_not_yours")


def test_a_new_shape_is_a_new_fence_and_the_past_stays(client: httpx.Client, database_url: str) -> None:
    world = World(client, database_url)
    old = fence(world.carrier)
    made = rule(world.carrier, geofence_id=old)
    tell(world, world.vehicle_id, (old, ago(4), ago(3)))
    wider = {**CIRCLE, "properties": {"radius_m": 900}}
    answer = world.carrier.patch(f"{FENCES}{old}/", {"shape": wider, "name": "Dépôt agrandi"})
    assert answer.status_code == 200, answer.text
    new = answer.json()
    assert (new["replaces_id"], new["name"], new["shape"]["properties"]["radius_m"]) == (
        old,
        "Dépôt agrandi",
        900,
    )
    assert world.carrier.get(f"{FENCES}{old}/").json()["retired_at"] is not None
    assert world.carrier.get(f"{RULES}{made['id']}/").json()["geofence_id"] == new["id"]
    assert len(inbox(world.carrier)) == 1
    assert code_of(world.carrier.patch(f"{FENCES}{old}/", {"name": "x"})) == (409, "geofence_retired")


def test_whoever_reads_a_fence_gets_what_a_change_may_demand(carrier: Person) -> None:
    path = f"{FENCES}{fence(carrier)}/"
    read = carrier.get(path).headers["etag"]
    assert carrier.patch(path, {"name": "Neu"}).headers["etag"] != read
    stale = carrier.headers | {"If-Match": read}
    assert code_of(carrier.client.patch(path, json={"name": "Alt"}, headers=stale)) == (
        412,
        "version_mismatch",
    )


def test_a_name_and_a_group_change_in_place(carrier: Person) -> None:
    made = fence(carrier)
    group = carrier.post(GROUPS, {"name": "A"}).json()["id"]
    path = f"{FENCES}{made}/"
    changed = carrier.patch(path, {"name": "Autre", "group_id": group}).json()
    assert (changed["id"], changed["name"], changed["group_id"], changed["version"]) == (
        made,
        "Autre",
        group,
        2,
    )
    assert carrier.patch(path, {"group_id": None}).json()["group_id"] is None
    stale = carrier.headers | {"If-Match": '"1"'}
    assert code_of(carrier.client.patch(path, json={"name": "x"}, headers=stale)) == (412, "version_mismatch")


def test_the_fence_of_an_order_under_way_keeps_its_shape(client: httpx.Client, database_url: str) -> None:
    world = World(client, database_url)
    order = world.assigned()
    path = f"{FENCES}{order.fences['pickup']}/"
    assert code_of(order.shipper.patch(path, {"shape": CIRCLE})) == (409, "geofence_in_use")


def test_groups_have_names_of_their_own_and_end_with_their_rules(
    carrier: Person, client: httpx.Client
) -> None:
    group = carrier.post(GROUPS, {"name": "Dépôts"}).json()["id"]
    assert code_of(carrier.post(GROUPS, {"name": "Dépôts"})) == (409, "group_name_taken")
    other = person(client, Role.CARRIER)
    assert other.post(GROUPS, {"name": "Dépôts"}).status_code == 201
    assert code_of(other.patch(f"{GROUPS}{group}/", {"name": "x"})) == (404, "geofence_group_not_found")
    kept = fence(carrier, group_id=group)
    path = f"{RULES}{rule(carrier, group_id=group)['id']}/"
    assert carrier.patch(f"{GROUPS}{group}/", {"name": "Entrepôts"}).json()["name"] == "Entrepôts"
    assert carrier.delete(f"{GROUPS}{group}/").status_code == 204
    assert carrier.get(f"{FENCES}{kept}/").json()["group_id"] is None
    assert code_of(carrier.get(path)) == (404, "alert_rule_not_found")
