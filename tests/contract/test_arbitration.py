"""ingest and platform_api may not import each other, yet name one and the same source at every moment."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.arbitration import LAST_KNOWN, VehicleInput, choose
from ingest.ping import Ping
from ingest.state import VehicleState
from platform_api.tracking import route
from telemetry.rules import VehicleRules
from tests.support.law import LAT, LON, START_US, Candidate, track_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Two trackers alike, a better one, and a phone.
PRIORITIES = {1: 100, 2: 200, 3: 100, 4: 50}
RULES = [
    VehicleRules(takeover_s=takeover_s, mock=mock, max_accuracy_m=100)  # type: ignore[arg-type]
    for takeover_s in (1, 30, 300)
    for mock in ("flag", "ignore")
]


@st.composite
def pings(draw: st.DrawFn) -> list[Candidate]:
    """All at one place, as jumps are judged by each in its own way; several at one instant."""
    time_us, found = START_US, {}
    for seconds, device_id, accuracy_m, mock, repeated in draw(
        st.lists(
            st.tuples(
                st.sampled_from([0, 0, 1, 5, 29, 30, 31, 299, 300, 301, 2000]),
                st.sampled_from(sorted(PRIORITIES)),
                st.sampled_from([None, 5.0, 100.0, 100.5]),
                st.booleans(),
                st.sampled_from([False, False, False, True]),
            ),
            max_size=30,
        )
    ):
        time_us += seconds * 1_000_000
        attributes = {LAST_KNOWN: True} if repeated else None
        ping = Ping(
            time_us=time_us, lon=LON, lat=LAT, accuracy_m=accuracy_m, mock=mock, attributes=attributes
        )
        found[(time_us, device_id)] = Candidate(ping, device_id, PRIORITIES[device_id])
    return sorted(found.values(), key=lambda candidate: candidate.key)


def as_route_has_it(candidate: Candidate) -> route.Fix:
    ping = candidate.ping
    return route.Fix(
        time=EPOCH + timedelta(microseconds=ping.time_us),
        lat=ping.lat,
        lon=ping.lon,
        device_id=candidate.device_id,
        priority=candidate.priority,
        accuracy_m=ping.accuracy_m,
        mock=ping.mock is True,
        repeated=bool(ping.attributes),
    )


@given(candidates=pings(), rules=st.sampled_from(RULES))
@settings(max_examples=300, deadline=None)
def test_the_route_counts_the_fixes_that_ingest_counts(
    candidates: list[Candidate], rules: VehicleRules
) -> None:
    track, priority = track_of(candidates)
    [chosen] = choose(track, priority, [VehicleInput(1, -1, VehicleState(), rules, 0, len(track))])
    fixes = [as_route_has_it(candidate) for candidate in candidates]
    assert route.arbitrate(fixes, rules) == [fixes[row] for row in chosen.rows.tolist()]
