"""FenceIndex.hits against looking at every fence for every fix."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geofence.index import Fence, FenceIndex, Hits
from geofence.settings import FenceSettings
from geofence.shapes import Circle, Corridor, Polygon, interval_inside, signed_distance_m

from .strategies import DAKAR, shapes
from .test_shapes import ROAD_TO_KIDIRA

FAR = (-12.0, 13.0)
PORT = Circle(-17.425, 14.683, 300)


@dataclass(frozen=True)
class Row:
    lon: float
    lat: float
    prev: tuple[float, float] = (math.nan, math.nan)
    vehicle_id: int = 1
    carrier: int = -1


def hits_of(index: FenceIndex, rows: Sequence[Row]) -> Hits:
    return index.hits(
        np.array([row.lon for row in rows], dtype=np.float64),
        np.array([row.lat for row in rows], dtype=np.float64),
        np.array([row.prev[0] for row in rows], dtype=np.float64),
        np.array([row.prev[1] for row in rows], dtype=np.float64),
        np.array([row.vehicle_id for row in rows], dtype=np.int64),
        np.array([row.carrier for row in rows], dtype=np.int64),
    )


def brute_force(fences: Sequence[Fence], rows: Sequence[Row]) -> list[tuple[int, int, float, float, float]]:
    """Pair by pair from the definition; -1 for no pass."""
    found = []
    for point, row in enumerate(rows):
        for number, fence in enumerate(fences):
            if fence.vehicle_id not in (None, row.vehicle_id) or fence.carrier not in (None, row.carrier):
                continue
            # Without a previous fix the way starts, and ends, at the fix.
            start = (row.lon, row.lat) if math.isnan(row.prev[0]) else row.prev
            ends = signed_distance_m(
                fence.shape, np.array([start[0], row.lon]), np.array([start[1], row.lat])
            )
            outside = bool((ends > 0).all()) and fence.settings.segment_crossing
            passed = interval_inside(fence.shape, *row.prev, row.lon, row.lat) if outside else None
            if ends[1] <= fence.settings.reach_m or passed:
                found.append((point, number, float(ends[1]), *(passed or (-1.0, -1.0))))
    return found


def as_rows(hits: Hits) -> list[tuple[int, int, float, float, float]]:
    pass_in, pass_out = np.nan_to_num(hits.pass_in, nan=-1.0), np.nan_to_num(hits.pass_out, nan=-1.0)
    columns = (hits.point, hits.fence, hits.distance_m, pass_in, pass_out)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@st.composite
def fences(draw: st.DrawFn, number: int) -> Fence:
    margins = FenceSettings(
        exit_margin_m=draw(st.sampled_from([0.0, 50.0, 3_000.0])),
        accuracy_cap_m=draw(st.sampled_from([0.0, 200.0])),
        segment_crossing=draw(st.booleans()),
    )
    vehicle_id = draw(st.sampled_from([None, None, 1, 2]))
    carrier = draw(st.sampled_from([None, None, 0, 7]))
    return Fence(number, draw(shapes), margins, vehicle_id, carrier)


@st.composite
def fixes_near(draw: st.DrawFn, around: Sequence[Fence]) -> Row:
    lon, lat = draw(st.sampled_from(around)).shape.centre
    spread = draw(st.sampled_from([0.0, 0.003, 0.03, 1.0]))
    unit = st.floats(-1, 1)
    lon, lat = lon + spread * draw(unit), lat + spread * draw(unit)
    step = draw(st.sampled_from([None, 0.0, 0.002, 0.05, 2.0]))
    prev = (math.nan, math.nan) if step is None else (lon + step * draw(unit), lat + step * draw(unit))
    return Row(lon, lat, prev, draw(st.sampled_from([1, 2, 3])), draw(st.sampled_from([-1, 0, 7, 9])))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_hits_are_those_of_brute_force(data: st.DataObject) -> None:
    watched = [data.draw(fences(number)) for number in range(data.draw(st.integers(1, 5)))]
    rows = data.draw(st.lists(fixes_near(watched), min_size=1, max_size=12))
    assert as_rows(hits_of(FenceIndex(watched), rows)) == brute_force(watched, rows)


def many_fences(rng: np.random.Generator) -> list[Fence]:
    """Circles and a road in every scope, with a vehicle and a carrier that have enough to get a tree of their own."""
    watched = [Fence(0, Corridor(ROAD_TO_KIDIRA, 400), FenceSettings())]
    for number in range(1, 400):
        lon, lat = rng.uniform(-17.4, -17.3), rng.uniform(14.65, 14.75)
        scope = {0: (None, None), 1: (1, None), 2: (None, 7), 3: (int(rng.integers(2, 9)), None), 4: (4, 7)}
        vehicle_id, carrier = scope[number % 5]
        shape = Circle(float(lon), float(lat), float(rng.uniform(10, 900)))
        watched.append(Fence(number * 11, shape, FenceSettings(), vehicle_id, carrier))
    return watched


def test_many_fences_of_every_scope_are_those_of_brute_force() -> None:
    rng = np.random.default_rng(8)
    watched = many_fences(rng)
    rows = [
        Row(
            lon,
            lat,
            (lon + rng.normal(0, 0.01), lat + rng.normal(0, 0.01)),
            int(rng.integers(1, 10)),
            int(rng.choice([-1, 0, 7])),
        )
        for lon, lat in rng.uniform((-17.4, 14.65), (-17.3, 14.75), (60, 2)).tolist()
    ]
    expected = brute_force(watched, rows)
    assert as_rows(hits_of(FenceIndex(watched), rows)) == expected
    assert len(expected) > 100
    assert sum(row[3] >= 0 for row in expected) > 5


def test_no_fences_or_no_fixes_give_no_hits() -> None:
    assert len(hits_of(FenceIndex([]), [Row(*DAKAR)])) == 0
    assert len(hits_of(FenceIndex([Fence(1, PORT, FenceSettings())]), [])) == 0
    assert len(hits_of(FenceIndex([Fence(1, PORT, FenceSettings())]), [Row(*FAR)])) == 0


def test_scope_of_vehicle_and_carrier() -> None:
    watched = [
        Fence(1, PORT, FenceSettings()),
        Fence(2, PORT, FenceSettings(), vehicle_id=5),
        Fence(3, PORT, FenceSettings(), carrier=0),
        Fence(4, PORT, FenceSettings(), vehicle_id=5, carrier=0),
    ]
    rows = [
        Row(*PORT.centre, vehicle_id=vehicle, carrier=carrier)
        for vehicle, carrier in ((5, 0), (5, -1), (6, 0), (6, 1))
    ]
    hits = hits_of(FenceIndex(watched), rows)
    assert list(zip(hits.point.tolist(), hits.fence.tolist(), strict=True)) == [
        (0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (2, 0), (2, 2), (3, 0),
    ]  # fmt: skip


def test_reach_is_margin_and_accuracy_together() -> None:
    index = FenceIndex([Fence(1, Circle(*DAKAR, 100), FenceSettings(exit_margin_m=50, accuracy_cap_m=200))])
    north = [Row(DAKAR[0], DAKAR[1] + metres / 110_655) for metres in (99, 101, 345, 355)]
    assert hits_of(index, north).point.tolist() == [0, 1, 2]


def test_a_pass_between_two_far_fixes_is_reported() -> None:
    gate = Polygon(shapely.box(-17.01, 14.0, -17.0, 14.1))
    index = FenceIndex([Fence(1, gate, FenceSettings())])
    hits = hits_of(index, [Row(-16.9, 14.05, (-17.1, 14.05))])
    assert hits.distance_m[0] > 10_000
    assert hits.pass_in[0] == pytest.approx(0.45)
    assert hits.pass_out[0] == pytest.approx(0.5)


@pytest.mark.parametrize(
    "prev",
    [
        (-17.005, 14.05),  # came from inside
        (math.nan, math.nan),
        (-16.9, 14.05),  # has not moved
        (-16.8, 14.05),
    ],
)
def test_no_pass_unless_both_ends_are_outside_and_the_way_leads_through(prev: tuple[float, float]) -> None:
    gate = Polygon(shapely.box(-17.01, 14.0, -17.0, 14.1))
    assert len(hits_of(FenceIndex([Fence(1, gate, FenceSettings())]), [Row(-16.9, 14.05, prev)])) == 0


def test_no_pass_where_the_fence_wants_none() -> None:
    gate = Polygon(shapely.box(-17.01, 14.0, -17.0, 14.1))
    index = FenceIndex([Fence(1, gate, FenceSettings(segment_crossing=False))])
    assert len(hits_of(index, [Row(-16.9, 14.05, (-17.1, 14.05))])) == 0


def test_a_jump_across_the_180th_meridian_passes_through_nothing() -> None:
    index = FenceIndex([Fence(1, PORT, FenceSettings())])
    assert len(hits_of(index, [Row(-179.0, 14.683, (179.0, 14.683))])) == 0


def test_a_fix_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        hits_of(FenceIndex([Fence(1, PORT, FenceSettings())]), [Row(math.nan, 14.0, PORT.centre)])


def test_fences_keep_their_order_and_are_found_by_id() -> None:
    watched = [Fence(9, PORT, FenceSettings()), Fence(4, PORT, FenceSettings())]
    index = FenceIndex(watched)
    assert list(index.fences) == watched
    assert (index.position_of(9), index.position_of(4), index.position_of(5)) == (0, 1, None)


def test_wrong_fences_are_refused() -> None:
    fence = Fence(9, PORT, FenceSettings())
    with pytest.raises(ValueError, match="same id"):
        FenceIndex([fence, fence])
    with pytest.raises(ValueError, match="carrier"):
        FenceIndex([dataclasses.replace(fence, carrier=-1)])


def test_the_longest_gap_counts_only_fences_that_want_passes() -> None:
    def index(*gaps: tuple[int, bool]) -> FenceIndex:
        return FenceIndex(
            [
                Fence(number, PORT, FenceSettings(segment_max_gap_s=gap, segment_crossing=wanted))
                for number, (gap, wanted) in enumerate(gaps)
            ]
        )

    assert index().longest_segment_gap_s == 0
    assert index((300, True), (600, True), (900, False)).longest_segment_gap_s == 600
