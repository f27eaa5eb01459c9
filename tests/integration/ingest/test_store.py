"""Pings into the table and back: COPY, repeats, and which of two that contradict each other stays."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.storage_level import StorageLevel, detect_level
from ingest import copy_rows
from ingest.copy_rows import COLUMNS
from ingest.store import copy_pings, merge_pings
from ingest.times import to_us
from tests.support.ping_rows import (
    EXTREME,
    FIRST_US,
    LAST_US,
    SET,
    WILD_TEXT,
    Row,
    all_set,
    columns,
    row,
    row_lists,
)

_devices = itertools.count(1_000)
quick = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module", params=["database_url", "timescale_url"])
def connection(request: pytest.FixtureRequest) -> Iterator[psycopg.Connection]:
    """The store must behave the same on an ordinary table and on a hypertable."""
    with psycopg.connect(request.getfixturevalue(request.param), autocommit=True) as opened:
        opened.execute("SET TIME ZONE 'UTC'")
        yield opened


@pytest.fixture
def device_id() -> int:
    """`pings` has no foreign key, so a number of one's own will do."""
    return next(_devices)


def owned(rows: Sequence[Row], device_id: int) -> list[Row]:
    return [(device_id, received_us, ping) for _, received_us, ping in rows]


@dataclass(frozen=True)
class Stored:
    new: list[Row]
    replaced: list[Row]


def store(connection: psycopg.Connection, rows: Sequence[Row], *, expect_duplicates: bool = False) -> Stored:
    """As the pipeline does: straight first, the other way when that fails."""
    if not expect_duplicates:
        try:
            with connection.transaction():
                copy_pings(connection, copy_rows.encode(columns(rows)))
            return Stored(list(rows), [])
        except psycopg.errors.UniqueViolation:
            pass
    with connection.transaction():
        numbers = merge_pings(connection, columns(rows))
    return Stored([rows[n] for n in numbers.new], [rows[n] for n in numbers.replaced])


def stored(connection: psycopg.Connection, device_id: int) -> list[dict[str, Any]]:
    """What psycopg's own binary reader finds, in time order."""
    found = []
    for values in connection.execute(
        "SELECT * FROM pings WHERE device_id = %s ORDER BY time", [device_id], binary=True
    ):
        record = dict(zip(COLUMNS, values, strict=True))
        found.append({**record, "time": to_us(record["time"]), "received_at": to_us(record["received_at"])})
    return found


def expected(rows: Sequence[Row]) -> list[dict[str, Any]]:
    made = []
    for device_id, received_us, ping in sorted(rows, key=lambda r: r[2].time_us):
        record: dict[str, Any] = {"device_id": device_id, "time": ping.time_us, "received_at": received_us}
        record |= {name: getattr(ping, name) for name in ("lat", "lon", *SET)}
        record["extra"] = None
        if ping.alarms or ping.attributes:
            record["extra"] = {"alarms": list(ping.alarms), "attributes": ping.attributes or {}}
        made.append(record)
    return made


def test_the_fixture_has_both_kinds_of_table(
    connection: psycopg.Connection, request: pytest.FixtureRequest
) -> None:
    if "timescale_url" in request.node.name:
        assert detect_level(connection) is not StorageLevel.PLAIN


CASES: dict[str, list[Row]] = {
    "no row": [],
    "one row of unknowns": [row()],
    "one row with everything": [all_set()],
    "the lowest values": [row(**{name: pair[0] for name, pair in EXTREME.items()})],
    "the highest values": [row(**{name: pair[1] for name, pair in EXTREME.items()})],
    "corners of the world": [row(n, lat=lat, lon=lon) for n, (lat, lon) in enumerate([(90.0, 180.0), (-90.0, -180.0), (5e-324, -5e-324)])],
    "microseconds": [row(time_us=946_684_800_000_000 + n) for n in (-1, 0, 1)],
    "extra": [row(alarms=("sos", WILD_TEXT), attributes={WILD_TEXT: [1, None, {"a": 2.5}]}), row(1, attributes={"a": ""})],
    "each column alone": [row(n, **{name: SET[name]}) for n, name in enumerate(SET)],
    "a thousand rows": [all_set(n) if n % 3 else row(n, seq=n) for n in range(1000)],
}  # fmt: skip


@pytest.mark.parametrize("expect_duplicates", [False, True], ids=["straight", "staged"])
@pytest.mark.parametrize("case", CASES)
def test_what_goes_in_comes_out(
    connection: psycopg.Connection, device_id: int, case: str, expect_duplicates: bool
) -> None:
    rows = owned(CASES[case], device_id)
    result = store(connection, rows, expect_duplicates=expect_duplicates)
    assert list(result.new) == rows
    assert list(result.replaced) == []
    assert stored(connection, device_id) == expected(rows)


@pytest.mark.parametrize("time_us", [FIRST_US + 86_400_000_000, LAST_US - 86_400_000_000])
def test_times_far_away(connection: psycopg.Connection, device_id: int, time_us: int) -> None:
    rows = owned([row(time_us=time_us)], device_id)
    store(connection, rows)
    assert stored(connection, device_id) == expected(rows)
    connection.execute("DELETE FROM pings WHERE device_id = %s", [device_id])


@quick
@given(row_lists())
def test_any_mixture_of_known_and_unknown(connection: psycopg.Connection, rows: list[Row]) -> None:
    rows = owned(rows, next(_devices))
    store(connection, rows)
    if rows:
        assert stored(connection, rows[0][0]) == expected(rows)


@pytest.mark.parametrize("expect_duplicates", [False, True], ids=["straight", "staged"])
def test_a_repeat_changes_nothing_and_is_not_new(
    connection: psycopg.Connection, device_id: int, expect_duplicates: bool
) -> None:
    first = owned([all_set(n) for n in range(5)], device_id)
    store(connection, first)
    again = [*first[2:], *owned([row(n) for n in range(5, 8)], device_id)]
    result = store(connection, again, expect_duplicates=expect_duplicates)
    assert list(result.new) == again[3:]
    assert list(result.replaced) == []
    assert stored(connection, device_id) == expected([*first, *again[3:]])


def test_a_repeat_that_came_later_keeps_the_first_arrival(
    connection: psycopg.Connection, device_id: int
) -> None:
    (first,) = owned([row()], device_id)
    store(connection, [first])
    result = store(connection, [(device_id, first[1] + 60_000_000, first[2])])
    assert (list(result.new), list(result.replaced)) == ([], [])
    assert stored(connection, device_id) == expected([first])


# Of two pings with one time the smaller of (lat, lon, accuracy; unknown = worst) stays.
CONTRADICTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "latitude": ({"lat": 14.1}, {"lat": 14.2}),
    "longitude": ({"lon": -17.5}, {"lon": -17.4}),
    "latitude before longitude": ({"lat": 14.1, "lon": -17.0}, {"lat": 14.2, "lon": -17.5}),
    "accuracy": ({"accuracy_m": 5.0}, {"accuracy_m": 6.0}),
    "known before unknown accuracy": ({"accuracy_m": 400.0}, {}),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
@pytest.mark.parametrize("winner_first", [True, False])
def test_the_same_one_stays_in_either_order(
    connection: psycopg.Connection, device_id: int, case: str, winner_first: bool
) -> None:
    winner, loser = (
        owned([row(**changes, speed_kmh=n)], device_id) for n, changes in enumerate(CONTRADICTIONS[case])
    )
    store(connection, winner if winner_first else loser)
    result = store(connection, loser if winner_first else winner)
    assert list(result.new) == []
    assert list(result.replaced) == ([] if winner_first else winner)
    assert stored(connection, device_id) == expected(winner)


@quick
@given(st.data())
def test_any_order_of_contradicting_pings_stores_the_same(
    connection: psycopg.Connection, data: st.DataObject
) -> None:
    """Rows of few times and few places, in every batch each time at most once, as intake hands them over."""
    places = st.tuples(st.integers(0, 3), st.sampled_from([14.1, 14.2]), st.sampled_from([None, 5.0, 9.0]))
    wanted = data.draw(st.lists(places, min_size=1, max_size=8))
    outcomes = []
    for _ in range(2):
        device_id = next(_devices)
        news = 0
        for number, lat, accuracy_m in data.draw(st.permutations(wanted)):
            rows = owned([row(number, lat=lat, accuracy_m=accuracy_m)], device_id)
            news += len(store(connection, rows, expect_duplicates=data.draw(st.booleans())).new)
        assert news == len({number for number, _, _ in wanted})
        outcomes.append([(r["time"], r["lat"], r["accuracy_m"]) for r in stored(connection, device_id)])
    assert outcomes[0] == outcomes[1]


def test_mixed_batch_tells_new_from_replaced_from_repeated(
    connection: psycopg.Connection, device_id: int
) -> None:
    store(connection, owned([row(0, lat=14.5), row(1, lat=14.5), row(2, lat=14.5)], device_id))
    batch = owned([row(0, lat=14.5), row(1, lat=14.4), row(2, lat=14.6), row(3)], device_id)
    result = store(connection, batch)
    assert list(result.new) == [batch[3]]
    assert list(result.replaced) == [batch[1]]


def test_a_batch_that_fails_leaves_nothing(connection: psycopg.Connection, device_id: int) -> None:
    with pytest.raises(psycopg.DataError):
        store(
            connection, owned([row(0), row(1, attributes={"zero": "\0"})], device_id), expect_duplicates=True
        )
    assert stored(connection, device_id) == []
    # The staging table is clean again for the next batch of the connection.
    store(connection, owned([row(5)], device_id), expect_duplicates=True)
    assert len(stored(connection, device_id)) == 1
