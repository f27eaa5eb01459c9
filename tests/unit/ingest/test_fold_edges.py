"""Where rounding could move a crossing to the wrong side of a fix."""

from geofence.crossings import Fix
from ingest.fence_walk import _step_fence
from tests.support.law import LAT, LON, METRE, START_US, index

SECOND = 1_000_000


def test_a_pass_begins_after_the_fix_before_it_whatever_rounding_says() -> None:
    """Else a refold that starts at that fix could not tell whether the visit was known by then."""
    fences = index()
    before = Fix(START_US, LON - 201 * METRE, LAT, 5.0, 1)
    after = Fix(START_US + 20 * SECOND, LON + 400 * METRE, LAT, 5.0, 1)
    _, (entered, left) = _step_fence(fences, 1, None, (0, 200.0, 1e-12, 2e-12), before, after)
    assert entered.time_us == START_US + 1
    assert left.time_us == START_US + 1
