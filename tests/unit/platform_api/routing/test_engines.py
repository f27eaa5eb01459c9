"""The adapters against servers that answer as OSRM and Valhalla document it."""

import json
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import polyline
import pytest

from platform_api.routing import asking
from platform_api.routing.breaker import Breaker
from platform_api.routing.engines import EngineError
from platform_api.routing.osrm import Osrm
from platform_api.routing.plan import Assumed, Leg, Point, Source, TruckSize
from platform_api.routing.planner import Planner
from platform_api.routing.valhalla import Valhalla
from tests.unit.platform_api.routing.fake_engine import FakeEngine, fake_engine

DAKAR: Point = (-17.428, 14.676)
THIES: Point = (-16.926, 14.791)
TAMBA: Point = (-13.667, 13.77)
STOPS = (DAKAR, THIES, TAMBA)
# as the engines draw it, (lat, lon)
FIRST = [(14.676, -17.428), (14.72, -17.2), (14.791, -16.926)]
SECOND = [(14.791, -16.926), (14.1, -15.5), (13.77, -13.667)]
LINE = tuple((lon, lat) for lat, lon in [*FIRST, *SECOND[1:]])
TRUCK = TruckSize()


def osrm_answer() -> dict[str, object]:
    return {
        "code": "Ok",
        "routes": [
            {
                "distance": 460_000.4,
                "duration": 27_000.2,
                "geometry": polyline.encode([*FIRST, *SECOND[1:]], 6),
                "legs": [
                    {"distance": 70_000.4, "duration": 5000.2},
                    {"distance": 390_000, "duration": 22_000},
                ],
            }
        ],
        "waypoints": [{"location": [-17.428, 14.676], "distance": 3.1, "name": "", "hint": "x"}] * 3,
    }


def valhalla_answer() -> dict[str, object]:
    legs = [
        {"shape": polyline.encode(FIRST, 6), "summary": {"length": 70.0004, "time": 5000.2}, "maneuvers": []},
        {"shape": polyline.encode(SECOND, 6), "summary": {"length": 390.0, "time": 22_000}, "maneuvers": []},
    ]
    return {"trip": {"status": 0, "summary": {"length": 460.0004, "time": 27_000.2}, "legs": legs}}


@pytest.fixture
def server() -> Iterator[FakeEngine]:
    with fake_engine() as engine:
        yield engine


@pytest.fixture
def http(server: FakeEngine) -> Iterator[httpx.Client]:
    with asking.client(server.url + "/", read_s=5) as client:
        yield client


def test_osrm_is_asked_longitude_first_and_read_longitude_first(
    server: FakeEngine, http: httpx.Client
) -> None:
    server.answer(200, osrm_answer())
    plan = Osrm(http).route(STOPS, TRUCK)
    ((method, path, query, _),) = server.asked
    assert method == "GET"
    assert path == ("/route/v1/driving/-17.428000,14.676000;-16.926000,14.791000;-13.667000,13.770000")
    assert (query["overview"], query["geometries"]) == (["full"], ["polyline6"])
    assert plan.points == LINE
    assert plan.legs == (Leg(70_000.4, 5000.2), Leg(390_000, 22_000))
    assert (plan.source, plan.degraded) == (Source.OSRM, False)


def test_valhalla_is_asked_by_name_and_its_legs_are_joined(server: FakeEngine, http: httpx.Client) -> None:
    server.answer(200, valhalla_answer())
    plan = Valhalla(http).route(STOPS, TruckSize(height_m=3.8, weight_t=26, axle_count=3))
    ((method, path, _, body),) = server.asked
    assert (method, path) == ("POST", "/route")
    assert body["locations"][0] == {"lat": 14.676, "lon": -17.428, "type": "break"}
    assert body["costing"] == "truck"
    truck = body["costing_options"]["truck"]
    assert (truck["height"], truck["width"], truck["weight"], truck["axle_count"]) == (3.8, 2.55, 26, 3)
    assert body["shape_format"] == "polyline6"
    assert plan.points == LINE
    assert plan.legs == (Leg(pytest.approx(70_000.4), 5000.2), Leg(390_000, 22_000))
    assert (plan.source, plan.degraded) == (Source.VALHALLA, False)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (200, "TooBig", "too_big"),
        (400, "TooBig", "too_big"),
        (400, "NoSegment", "no_route"),
        (400, "NoRoute", "no_route"),
        (400, "InvalidQuery", "refused"),
        (400, "DisabledDataset", "refused"),
    ],
)
def test_what_osrm_refuses(
    server: FakeEngine, http: httpx.Client, status: int, code: str, expected: str
) -> None:
    server.answer(status, {"code": code, "message": "said so"})
    with pytest.raises(EngineError, match="said so") as refusal:
        Osrm(http).route(STOPS, TRUCK)
    assert (refusal.value.code, refusal.value.broken) == (expected, False)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (153, "too_big"),
        (154, "too_big"),
        (170, "no_route"),
        (171, "no_route"),
        (442, "no_route"),
        (100, "refused"),
    ],
)
def test_what_valhalla_refuses(server: FakeEngine, http: httpx.Client, code: int, expected: str) -> None:
    server.answer(400, {"error_code": code, "error": "said so", "status_code": 400, "status": "Bad Request"})
    with pytest.raises(EngineError, match="said so") as refusal:
        Valhalla(http).route(STOPS, TRUCK)
    assert refusal.value.code == expected


@pytest.mark.parametrize(
    "body",
    [
        b"<html>gateway</html>",
        b"[1]",
        {"code": "Ok"},
        {"code": "Ok", "routes": []},
        {"code": "Ok", "routes": [{"geometry": 3, "legs": []}]},
        {
            "code": "Ok",
            "routes": [{"geometry": polyline.encode(FIRST, 6), "legs": [{"distance": 1, "duration": 1}]}],
        },
    ],
)
def test_an_answer_that_is_none(server: FakeEngine, http: httpx.Client, body: object) -> None:
    server.answer(200, body)
    with pytest.raises(EngineError) as refusal:
        Osrm(http).route(STOPS, TRUCK)
    assert (refusal.value.code, refusal.value.broken) == ("bad_answer", True)


@pytest.mark.parametrize("body", [{"trip": {}}, {"trip": {"legs": [{"shape": "_", "summary": {}}]}}, {}])
def test_an_answer_of_valhalla_that_is_none(server: FakeEngine, http: httpx.Client, body: object) -> None:
    server.answer(200, body)
    with pytest.raises(EngineError) as refusal:
        Valhalla(http).route(STOPS, TRUCK)
    assert refusal.value.code == "bad_answer"


def test_a_failure_is_tried_once_more(server: FakeEngine, http: httpx.Client) -> None:
    server.answer(503, {"message": "starting"})
    server.answer(200, osrm_answer())
    assert Osrm(http).route(STOPS, TRUCK).source is Source.OSRM
    assert len(server.asked) == 2


def test_and_no_more_than_once(server: FakeEngine, http: httpx.Client) -> None:
    server.answer(503, b"")
    with pytest.raises(EngineError) as refusal:
        Osrm(http).route(STOPS, TRUCK)
    assert (refusal.value.code, refusal.value.broken) == ("unavailable", True)
    assert len(server.asked) == 2


def test_an_engine_that_is_silent_is_not_waited_for() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        with asking.client(url, read_s=0.1) as http, pytest.raises(EngineError) as refusal:
            Osrm(http).route(STOPS, TRUCK)
    assert refusal.value.code == "unavailable"


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_dead_engine_is_left_alone_and_tried_again_later(server: FakeEngine, http: httpx.Client) -> None:
    server.answer(500, b"")
    clock = Clock()
    planner = Planner(Osrm(http), Assumed(50, 1.3), Breaker(failures=2, rest_s=60), clock)
    for _ in range(5):
        assert planner.plan(STOPS, TRUCK).degraded
    assert len(server.asked) == 4, "two questions of two attempts each"
    clock.now_s += 61
    assert planner.plan(STOPS, TRUCK).degraded
    assert planner.plan(STOPS, TRUCK).degraded
    assert len(server.asked) == 6, "one was let through to try"
    server.answers[:] = [(200, osrm_answer())]
    clock.now_s += 61
    assert planner.plan(STOPS, TRUCK).source is Source.OSRM
    assert planner.plan(STOPS, TRUCK).source is Source.OSRM


def test_that_there_is_no_way_does_not_make_an_engine_dead(server: FakeEngine, http: httpx.Client) -> None:
    server.answer(400, {"code": "NoRoute", "message": "island"})
    planner = Planner(Osrm(http), Assumed(50, 1.3), Breaker(failures=1), Clock())
    for _ in range(3):
        assert planner.plan(STOPS, TRUCK).source is Source.STRAIGHT_LINE
    assert len(server.asked) == 3


def test_a_route_that_does_not_lead_to_the_stops_is_no_plan(server: FakeEngine, http: httpx.Client) -> None:
    """An extract of another country, or axes swapped somewhere: every point snaps to some road."""
    answer = osrm_answer()
    answer["routes"][0]["geometry"] = polyline.encode([(lon, lat) for lat, lon in FIRST], 6)  # type: ignore[index]
    server.answer(200, answer)
    plan = Planner(Osrm(http), Assumed(50, 1.3)).plan(STOPS, TRUCK)
    assert (plan.source, plan.degraded) == (Source.STRAIGHT_LINE, True)


def test_nothing_is_asked_without_an_engine() -> None:
    started = time.monotonic()
    plan = Planner(None, Assumed(50, 1.3)).plan(STOPS, TRUCK)
    assert plan.degraded
    assert time.monotonic() - started < 1


def test_the_way_of_the_shipper_is_the_plan(server: FakeEngine, http: httpx.Client) -> None:
    planner = Planner(Osrm(http), Assumed(50, 1.3))
    assert planner.plan(STOPS, TRUCK, drawn=LINE).source is Source.SHIPPER
    assert server.asked == []


def _osrm(**changes: object) -> bytes:
    """An answer that is well formed but for `changes` of its first leg; numbers as JSON has them not."""
    answer = osrm_answer()
    answer["routes"][0]["legs"][0] |= changes  # type: ignore[index]
    return json.dumps(answer).encode()


@pytest.mark.parametrize(
    "body",
    [
        _osrm(distance=float("nan")),
        _osrm(duration=float("inf")),
        _osrm(distance=-5.0),
        _osrm(duration=10**400),
        json.dumps(osrm_answer())
        .replace('"legs": [', '"legs": {"a": [')
        .replace("22000}]", "22000}]}")
        .encode(),
        json.dumps({"code": "Ok", "routes": {"0": 1}}).encode(),
        json.dumps({"code": ["Ok"]}).encode(),
        b"[" * 100_000,
    ],
)
def test_numbers_that_are_none_make_no_plan(server: FakeEngine, http: httpx.Client, body: bytes) -> None:
    server.answer(200, body)
    with pytest.raises(EngineError):
        Osrm(http).route(STOPS, TRUCK)


@pytest.mark.parametrize(
    "body", [{"error_code": [171]}, {"error_code": {"a": 1}}, {"trip": []}, {"trip": {"legs": [None, None]}}]
)
def test_valhalla_that_answers_strangely(server: FakeEngine, http: httpx.Client, body: object) -> None:
    server.answer(200, body)
    with pytest.raises(EngineError):
        Valhalla(http).route(STOPS, TRUCK)


def test_points_off_the_globe_make_no_plan(server: FakeEngine, http: httpx.Client) -> None:
    answer = osrm_answer()
    answer["routes"][0]["geometry"] = polyline.encode([(900.0, 17.0), (14.0, -900.0)], 6)  # type: ignore[index]
    server.answer(200, answer)
    plan = Planner(Osrm(http), Assumed(45, 1.3)).plan(STOPS, TRUCK)
    assert plan.degraded


def test_an_engine_that_drips_is_not_waited_for() -> None:
    """Each byte comes in time, the answer never does."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_drip, args=(listening, stop))
        thread.start()
        try:
            with asking.client(f"http://127.0.0.1:{listening.getsockname()[1]}", read_s=0.3) as http:
                began = time.monotonic()
                with pytest.raises(EngineError) as failure:
                    Osrm(http).route(STOPS, TRUCK)
                assert time.monotonic() - began < 5
            assert failure.value.code == "unavailable"
        finally:
            stop.set()
            listening.close()
            thread.join()


def _drip(listening: socket.socket, stop: threading.Event) -> None:
    listening.settimeout(0.1)
    while not stop.is_set():
        try:
            connection, _ = listening.accept()
        except TimeoutError:
            continue
        except OSError:
            return
        with connection:
            try:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while not stop.wait(0.05):
                    connection.sendall(b" ")
            except OSError:
                continue
