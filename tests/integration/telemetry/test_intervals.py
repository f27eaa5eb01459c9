"""Intervals, trips, stops and states over HTTP, from pings that went through ingest."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from config.database import transaction
from config.settings import get_settings
from platform_api.actor import Actor, Role
from platform_api.pagination import PageQuery, encode_cursor
from platform_api.telemetry import repository
from platform_api.telemetry import schemas as telemetry_schemas
from platform_api.telemetry.rules import Asked, Span
from platform_api.tracking.times import rfc3339
from telemetry.kinds import KINDS
from tests.integration.telemetry.world import (
    LAT,
    LON,
    TELEMETRY,
    Fleet,
    Journey,
    all_pages,
    at,
    delivery,
)
from tests.support.api import Person, code_of, person
from tests.support.ingest import reconcile_all
from tests.support.queries import count_queries

EVERYTHING = Asked(Span(None, None))


def of_vehicle(vehicle_id: int, what: str) -> str:
    return f"{TELEMETRY}/vehicles/{vehicle_id}/{what}/"


def items(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def kinds(answer: httpx.Response) -> list[str]:
    return [item["kind"] for item in items(answer)]


def test_a_journey_is_told_newest_first(fleet: Fleet) -> None:
    vehicle_id, uid = fleet.truck()
    fleet.send(uid, delivery().pings)
    found = items(fleet.carrier.get(of_vehicle(vehicle_id, "intervals")))
    assert [(item["kind"], item["started_at"], item["ended_at"]) for item in found] == [
        ("parking", rfc3339(at(45)), None),
        ("stop", rfc3339(at(30)), rfc3339(at(35))),
        ("trip", rfc3339(at(20)), rfc3339(at(45))),
        ("parking", rfc3339(at(0)), rfc3339(at(20))),
    ]
    trip = found[2]
    assert (trip["vehicle_id"], trip["severity"], trip["origin"]) == (vehicle_id, "info", "platform")
    assert (trip["device_uid"], trip["revision"], trip["retracted_at"]) == (None, 0, None)
    assert trip["start"] == {"lat": LAT, "lon": LON}
    assert trip["end"]["lon"] > LON
    assert trip["details"]["stopped_s"] == 300
    assert trip["recorded_at"] <= trip["updated_at"]


def test_a_trip_has_its_figures_and_the_stops_on_the_way(fleet: Fleet) -> None:
    vehicle_id, uid = fleet.truck()
    journey = Journey().ping(odo=1000.0).stand(20, odo=1000.0)
    journey.drive(10, kmh=60, odo=1010.0, fuel=55.0).stand(5, odo=1010.0).drive(10, kmh=90, odo=1026.5)
    fleet.send(uid, journey.stand(30, odo=1026.5, fuel=50.0).pings)
    [trip] = items(fleet.carrier.get(of_vehicle(vehicle_id, "trips")))
    assert (trip["started_at"], trip["ended_at"]) == (rfc3339(at(20)), rfc3339(at(45)))
    assert (trip["duration_s"], trip["stopped_s"]) == (1500.0, 300)
    # 10 minutes at 60 and 10 at 90 km/h; the world's metre is right to half a percent.
    assert trip["distance_m"] == pytest.approx(25_000, rel=0.005)
    assert trip["mean_speed_kmh"] == pytest.approx(75.0, rel=0.005)
    assert trip["max_speed_kmh"] == 90.0
    assert trip["device_distance_m"] == 26_500.0
    [stop] = trip["stops"]
    assert (stop["kind"], stop["started_at"], stop["duration_s"]) == ("stop", rfc3339(at(30)), 300.0)
    assert trip["more_stops"] is False
    stops = items(fleet.carrier.get(of_vehicle(vehicle_id, "stops")))
    assert [(each["kind"], each["duration_s"]) for each in stops] == [
        ("parking", None),
        ("stop", 300.0),
        ("parking", 1200.0),
    ]


def test_each_trip_has_its_own_stops(fleet: Fleet) -> None:
    vehicle_id, uid = fleet.truck()
    journey = Journey().ping()
    for _ in range(2):
        journey.stand(20).drive(10).stand(5).drive(10)
    fleet.send(uid, journey.stand(30).pings)
    trips = items(fleet.carrier.get(of_vehicle(vehicle_id, "trips")))
    assert [[stop["started_at"] for stop in trip["stops"]] for trip in trips] == [
        [rfc3339(at(75))],
        [rfc3339(at(30))],
    ]


def test_a_trip_that_goes_on_has_no_end_and_the_stop_it_makes(fleet: Fleet) -> None:
    vehicle_id, uid = fleet.truck()
    fleet.send(uid, Journey().ping().stand(20).drive(10).stand(5).pings)
    [trip] = items(fleet.carrier.get(of_vehicle(vehicle_id, "trips")))
    unknown = ("ended_at", "end", "duration_s", "distance_m", "mean_speed_kmh", "max_speed_kmh")
    assert {trip[name] for name in unknown} == {None}
    assert [(stop["started_at"], stop["ended_at"]) for stop in trip["stops"]] == [(rfc3339(at(30)), None)]


def test_of_very_many_stops_a_trip_shows_the_first(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (repository, telemetry_schemas):
        monkeypatch.setattr(module, "MAX_TRIP_STOPS", 2)
    vehicle_id, uid = fleet.truck()
    journey = Journey().ping().stand(20)
    for _ in range(3):
        journey.drive(5).stand(5)
    fleet.send(uid, journey.drive(5).stand(30).pings)
    [trip] = items(fleet.carrier.get(of_vehicle(vehicle_id, "trips")))
    assert [stop["started_at"] for stop in trip["stops"]] == [rfc3339(at(25)), rfc3339(at(35))]
    assert trip["more_stops"] is True


def test_the_state_says_where_it_is_and_what_goes_on(fleet: Fleet) -> None:
    vehicle_id, uid = fleet.truck()
    empty = fleet.carrier.get(of_vehicle(vehicle_id, "state")).json()
    assert empty == {
        "vehicle_id": vehicle_id,
        "position": None,
        "motion": None,
        "motion_since": None,
        "odometer_m": 0.0,
        "engine_hours": 0.0,
        "open": [],
        "updated_at": None,
    }
    fleet.send(
        uid, Journey().ping(ign=True).stand(20, ign=True).drive(10, ign=True, alarms=["jamming"]).pings
    )
    state = fleet.carrier.get(of_vehicle(vehicle_id, "state")).json()
    assert (state["motion"], state["motion_since"]) == ("moving", rfc3339(at(20)))
    assert state["odometer_m"] == pytest.approx(10_000, rel=0.005)
    assert state["engine_hours"] == pytest.approx(0.5, rel=0.01)
    position = state["position"]
    assert (position["time"], position["speed_kmh"]) == (rfc3339(at(30)), 60.0)
    assert (position["source"], position["device_uid"], position["trusted"]) == ("tracker", uid, True)
    going_on = {item["kind"]: item for item in state["open"]}
    assert going_on.keys() == {"trip", "jamming"}
    assert (going_on["jamming"]["origin"], going_on["jamming"]["device_uid"]) == ("device", uid)
    assert going_on["jamming"]["severity"] == "critical"


def test_a_position_made_up_by_software_is_not_trusted(fleet: Fleet) -> None:
    vehicle_id = fleet.vehicle()
    phone = fleet.device(vehicle_id, "phone")
    fleet.send(phone, Journey().ping(mock=True).stand(5, mock=True).pings)
    state = fleet.carrier.get(of_vehicle(vehicle_id, "state")).json()
    assert (state["position"]["source"], state["position"]["trusted"]) == ("phone", False)
    assert "mock_location" in [item["kind"] for item in state["open"]]


def test_a_change_of_the_source_names_both_devices(fleet: Fleet) -> None:
    vehicle_id, tracker = fleet.truck()
    phone = fleet.device(vehicle_id, "phone")
    fleet.send(tracker, Journey().ping().drive(5).pings)
    fleet.send(phone, Journey(11, east_m=10_000).drive(5).pings)
    fleet.send(tracker, Journey(17, east_m=16_000).drive(5).pings)
    path = of_vehicle(vehicle_id, "intervals")
    back, over = items(fleet.carrier.get(path, params={"kind": ["takeover", "handback"]}))
    assert (over["kind"], over["device_uid"]) == ("takeover", phone)
    assert over["details"] == {"from_device_uid": tracker, "silent_s": 370}
    assert (back["kind"], back["device_uid"], back["details"]["from_device_uid"]) == (
        "handback", tracker, phone,
    )  # fmt: skip
    assert back["started_at"] == back["ended_at"]


def test_what_is_taken_back_is_seen_only_on_request(fleet: Fleet) -> None:
    vehicle_id, uid = fleet.truck()
    before = Journey().ping().drive(10)
    missing = Journey(10, east_m=before.east_m).drive(80)
    after = Journey(90, east_m=missing.east_m).drive(10)
    fleet.send(uid, before.pings)
    fleet.send(uid, after.pings)
    path = of_vehicle(vehicle_id, "intervals")
    assert kinds(fleet.carrier.get(path, params={"kind": "gap"})) == ["gap"]
    fleet.send(uid, missing.pings)
    reconcile_all(fleet.connection, get_settings())
    assert kinds(fleet.carrier.get(path)) == ["trip"]
    [gap] = [
        item for item in items(fleet.carrier.get(path, params={"retracted": "true"})) if item["kind"] == "gap"
    ]
    assert gap["retracted_at"] is not None
    assert gap["revision"] == 1
    assert items(fleet.carrier.get(path, params={"retracted": "true", "kind": "parking"})) == []


def test_filters_by_kind_severity_range_and_open(fleet: Fleet) -> None:
    vehicle_id, uid = fleet.truck()
    journey = delivery()
    journey.pings[3] |= {"alarms": ["sos"]}
    journey.pings[5] |= {"alarms": ["low_battery"]}
    fleet.send(uid, journey.pings)
    path = of_vehicle(vehicle_id, "intervals")

    def found(**params: Any) -> list[str]:
        return sorted(kinds(fleet.carrier.get(path, params=params)))

    assert found(severity="critical") == ["sos"]
    assert found(severity=["critical", "warning"]) == ["low_battery", "sos"]
    assert found(kind=["trip", "sos"]) == ["sos", "trip"]
    assert found(kind="trip", severity="critical") == []
    assert found(open="true") == ["parking"]
    # By the beginning, half-open: each interval belongs to one range.
    assert found(**{"from": rfc3339(at(20)), "to": rfc3339(at(30))}) == ["trip"]
    assert found(**{"from": rfc3339(at(30)), "to": rfc3339(at(45))}) == ["stop"]
    assert found(**{"from": rfc3339(at(45))}) == ["parking"]


def test_what_goes_on_since_long_ago_is_found_without_a_range(fleet: Fleet) -> None:
    vehicle_id, uid = fleet.truck()
    fleet.send(uid, Journey(-60 * 24 * 200).ping().stand(30).pings)
    for path in (of_vehicle(vehicle_id, "intervals"), f"{TELEMETRY}/intervals/"):
        assert kinds(fleet.carrier.get(path, params={"open": "true"})) == ["parking"]
        assert kinds(fleet.carrier.get(path)) == []


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"kind": "nonsense"}, "kind_unknown"),
        ({"severity": "terrible"}, "invalid_parameter"),
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "invalid_range"),
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-04-30T00:00:00Z"}, "range_too_long"),
        ({"from": "2020-01-01T00:00:00Z"}, "range_too_long"),
        ({"from": "2026-01-01T00:00:00"}, "invalid_parameter"),
        ({"from": "yesterday"}, "invalid_parameter"),
        ({"from": "0001-01-01T00:00:00Z"}, "invalid_parameter"),
        ({"open": "perhaps"}, "invalid_parameter"),
        ({"cursor": "abc"}, "invalid_cursor"),
        ({"cursor": encode_cursor([1, 2])}, "invalid_cursor"),
        ({"limit": 201}, "invalid_parameter"),
    ],
)
def test_bad_questions_are_named(fleet: Fleet, params: dict[str, Any], code: str) -> None:
    vehicle_id = fleet.vehicle()
    for path in (of_vehicle(vehicle_id, "intervals"), f"{TELEMETRY}/intervals/"):
        assert code_of(fleet.carrier.get(path, params=params)) == (400, code), path


def test_pages_join_without_gap_or_repetition(fleet: Fleet) -> None:
    trucks = [fleet.truck() for _ in range(3)]
    for number, (_, uid) in enumerate(trucks):
        # Two of them at the same instants: the key of a page is (time, id).
        fleet.send(uid, Journey(number // 2).ping().stand(20).drive(10).stand(5).drive(10).stand(30).pings)
    path = f"{TELEMETRY}/intervals/"
    everything = items(fleet.carrier.get(path))
    assert len(everything) == 12
    order = [(item["started_at"], item["id"]) for item in everything]
    assert order == sorted(order, reverse=True)
    assert all_pages(fleet.carrier, path, limit=1) == everything
    assert all_pages(fleet.carrier, path, limit=5) == everything
    of_one = of_vehicle(trucks[0][0], "intervals")
    assert [item["id"] for item in all_pages(fleet.carrier, of_one, limit=1)] == [
        item["id"] for item in everything if item["vehicle_id"] == trucks[0][0]
    ]
    trips = all_pages(fleet.carrier, path, limit=2, kind="trip")
    assert {item["vehicle_id"] for item in trips} == {vehicle_id for vehicle_id, _ in trucks}


def test_lists_take_the_same_number_of_statements_however_long(fleet: Fleet) -> None:
    vehicle_id, uid = fleet.truck()
    paths = [of_vehicle(vehicle_id, what) for what in ("state", "intervals", "trips", "stops")]
    paths.append(f"{TELEMETRY}/intervals/")

    def count() -> int:
        with count_queries() as statements:
            for path in paths:
                assert fleet.carrier.get(path).status_code == 200
        return len(statements)

    fleet.send(uid, delivery().pings)
    few = count()
    for _ in range(2):
        more = Journey(240, east_m=40_000).ping().stand(20)
        for _ in range(4):
            more.drive(5).stand(5).drive(5).stand(20)
        fleet.send(fleet.device(fleet.vehicle()), more.pings)
    fleet.send(uid, more.pings)
    assert len(items(fleet.carrier.get(paths[2]))) > 3
    assert count() == few


# Who sees what ----------------------------------------------------------------

NOT_THEIRS = [Role.SHIPPER, Role.DRIVER, Role.BROKER]


def paths_of(vehicle_id: int) -> list[str]:
    listed = [of_vehicle(vehicle_id, what) for what in ("state", "intervals", "trips", "stops")]
    return [*listed, f"{TELEMETRY}/intervals/", f"{TELEMETRY}/kinds/", f"{TELEMETRY}/alarms/"]


@pytest.mark.parametrize("role", NOT_THEIRS)
def test_only_carriers_and_administrators_ask(client: httpx.Client, fleet: Fleet, role: Role) -> None:
    vehicle_id, _ = fleet.truck()
    # A driver of this very carrier, too: his driving is not his to show around.
    caller = person(client, role, carrier_id=fleet.carrier.id if role is Role.DRIVER else None)
    for path in paths_of(vehicle_id):
        assert code_of(caller.get(path)) == (403, "role_not_allowed"), path


def test_nobody_without_a_token(client: httpx.Client, fleet: Fleet) -> None:
    for path in paths_of(fleet.vehicle()):
        assert code_of(client.get(path)) == (401, "not_authenticated"), path


def test_another_carriers_trucks_do_not_exist(client: httpx.Client, fleet: Fleet) -> None:
    vehicle_id, uid = fleet.truck()
    fleet.send(uid, delivery().pings)
    other = person(client, Role.CARRIER)
    for what in ("state", "intervals", "trips", "stops"):
        assert code_of(other.get(of_vehicle(vehicle_id, what))) == (404, "vehicle_not_found")
        assert code_of(other.get(of_vehicle(2**62, what))) == (404, "vehicle_not_found")
    path = f"{TELEMETRY}/intervals/"
    assert items(other.get(path)) == []
    answer = other.get(path, params={"carrier": str(fleet.carrier.id)})
    assert code_of(answer) == (404, "carrier_not_found")
    assert len(items(fleet.carrier.get(path, params={"carrier": str(fleet.carrier.id)}))) == 4


def test_every_list_is_of_the_actors_own_vehicles_by_itself(client: httpx.Client, fleet: Fleet) -> None:
    """Whoever calls the queries, and whatever he has checked before."""
    vehicle_id, uid = fleet.truck()
    fleet.send(uid, delivery().pings)
    own = Actor(fleet.carrier.id, Role.CARRIER, carrier_id=fleet.carrier.id)
    other = person(client, Role.CARRIER)
    strangers = [
        Actor(other.id, Role.CARRIER, carrier_id=other.id),
        Actor(other.id, Role.DRIVER, carrier_id=fleet.carrier.id),
        Actor(other.id, Role.SHIPPER),
    ]

    def found(actor: Actor) -> list[int]:
        with transaction() as session:
            of_one, _ = repository.page_of_vehicle(session, actor, vehicle_id, EVERYTHING, PageQuery())
            of_all, _ = repository.page_of_fleet(session, actor, fleet.carrier.id, EVERYTHING, PageQuery())
            return [len(of_one), len(of_all), len(repository.open_intervals(session, actor, vehicle_id))]

    assert found(own) == [4, 4, 1]
    assert [found(actor) for actor in strangers] == [[0, 0, 0]] * 3


def test_an_administrator_names_the_fleet(client: httpx.Client, fleet: Fleet) -> None:
    vehicle_id, uid = fleet.truck()
    fleet.send(uid, delivery().pings)
    administrator: Person = person(client, Role.ADMINISTRATOR)
    assert len(items(administrator.get(of_vehicle(vehicle_id, "intervals")))) == 4
    path = f"{TELEMETRY}/intervals/"
    assert len(items(administrator.get(path, params={"carrier": str(fleet.carrier.id)}))) == 4
    assert code_of(administrator.get(path)) == (400, "carrier_missing")
    assert code_of(administrator.get(path, params={"carrier": "me"})) == (400, "invalid_parameter")
    for nobody in (uuid4(), person(client, Role.SHIPPER).id):
        answer = administrator.get(path, params={"carrier": str(nobody)})
        assert code_of(answer) == (404, "carrier_not_found")


def test_the_vocabulary(fleet: Fleet) -> None:
    everything = items(fleet.carrier.get(f"{TELEMETRY}/kinds/"))
    alarms = items(fleet.carrier.get(f"{TELEMETRY}/alarms/"))
    assert [item["kind"] for item in everything] == list(KINDS)
    assert [item for item in everything if item in alarms] == alarms
    assert {
        "kind": "sos",
        "meaning": KINDS["sos"].meaning,
        "severity": "critical",
        "lasting": False,
    } in alarms
    assert "trip" not in [item["kind"] for item in alarms]
