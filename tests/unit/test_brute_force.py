"""The judge of the recorded tracks, judged by hand-made examples."""

import math

import pytest

from tests.support.brute_force import GEOD, Place, Rules, Seen, Stay, runs, stays

LON, LAT = -2.95, 53.42
RULES = Rules(exit_margin_m=50, exit_confirmations=2, exit_dwell_s=120, pass_gap_s=300)


def spot(east_m: float, north_m: float = 0.0) -> tuple[float, float]:
    azimuth = math.degrees(math.atan2(east_m, north_m))
    lon, lat, _ = GEOD.fwd(LON, LAT, azimuth, math.hypot(east_m, north_m))
    return lon, lat


def track(*rows: tuple[float, float]) -> list[Seen]:
    """(seconds, metres east)."""
    return [Seen(seconds, *spot(east_m)) for seconds, east_m in rows]


CIRCLE = Place({"geometry": {"type": "Point", "coordinates": [LON, LAT]}, "properties": {"radius_m": 100}})
# An arrow head that points west; its notch reaches from the east to the middle.
ARROW = Place(
    {
        "geometry": {
            "type": "Polygon",
            "coordinates": [
                [list(spot(*c)) for c in ((-100, 0), (100, -100), (0, 0), (100, 100), (-100, 0))]
            ],
        }
    }
)


@pytest.mark.parametrize(("east_m", "outside_m"), [(0, 0), (99, 0), (101, 1), (-400, 300)])
def test_a_circle(east_m: float, outside_m: float) -> None:
    point = CIRCLE.plane(*spot(east_m))
    assert CIRCLE.inside(point) is (outside_m == 0)
    assert CIRCLE.outside_m(point) == pytest.approx(outside_m, abs=0.01)


@pytest.mark.parametrize(
    ("east_m", "north_m", "outside_m"),
    [(-50, 0, 0), (80, 85, 0), (80, -85, 0), (50, 0, 50 / math.sqrt(2)), (-130, 0, 30), (160, 100, 60)],
)
def test_a_polygon_that_is_not_convex(east_m: float, north_m: float, outside_m: float) -> None:
    point = ARROW.plane(*spot(east_m, north_m))
    assert ARROW.inside(point) is (outside_m == 0)
    assert ARROW.outside_m(point) == pytest.approx(outside_m, abs=0.05)


@pytest.mark.parametrize("place", [CIRCLE, ARROW])
def test_a_way_through(place: Place) -> None:
    way = place.way_through(place.plane(*spot(-300)), place.plane(*spot(300)))
    assert way is not None
    assert way[0] == pytest.approx(200 / 600, abs=1e-3)
    assert place.way_through(place.plane(*spot(-300)), place.plane(*spot(-200))) is None
    assert place.way_through(place.plane(*spot(-300, 200)), place.plane(*spot(300, 200))) is None


def test_stays_and_runs() -> None:
    seen = track((0, 900), (60, 90), (120, 130), (180, 90), (240, 400), (300, 900), (360, 900), (900, 0))
    assert stays(seen, CIRCLE, RULES) == [Stay(60, 240), Stay(900, None)]
    assert runs(seen, CIRCLE) == [Stay(60, 120), Stay(180, 240), Stay(900, None)]


def test_a_pass() -> None:
    (stay,) = stays(track((0, -300), (60, 300)), CIRCLE, RULES)
    assert stay.passed
    assert [stay.entered, stay.left] == pytest.approx([20, 40], abs=0.01)
    assert stays(track((0, -300), (301, 300)), CIRCLE, RULES) == []
    assert stays(track((0, -300), (60, -101)), CIRCLE, RULES) == []
