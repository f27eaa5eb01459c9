"""All SQL of erasing a phone's positions. Every statement touches one piece."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import LiteralString

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from ingest.state import VehicleState, encode_state
from ingest.store import readable_state
from ingest.times import from_us, to_us

_NEXT = """
SELECT id, device_id, since, until, uid, asked_at, step, cursor_id, counts FROM phone_erasures
WHERE finished_at IS NULL AND id > %s ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_GO_ON = """
UPDATE phone_erasures SET step = %(step)s, cursor_id = %(cursor)s, counts = %(counts)s,
    uid = CASE WHEN %(step)s = 'done' THEN NULL ELSE uid END,
    finished_at = CASE WHEN %(step)s = 'done' THEN clock_timestamp() END
WHERE id = %(id)s
"""
_VEHICLES = """
SELECT DISTINCT vehicle_id FROM device_assignments WHERE device_id = %(device)s
    AND (valid_from IS NULL OR %(until)s::timestamptz IS NULL OR valid_from < %(until)s)
    AND (valid_to IS NULL OR %(since)s::timestamptz IS NULL OR valid_to > %(since)s)
ORDER BY 1
"""


def _in_span(time: LiteralString) -> LiteralString:
    return (
        f"(%(since)s::timestamptz IS NULL OR {time} >= %(since)s)"
        f" AND (%(until)s::timestamptz IS NULL OR {time} < %(until)s)"
    )


def _is_his(vehicle: LiteralString, time: LiteralString) -> LiteralString:
    """Whether what a vehicle showed at a time was the phone's: it was there, and no other device's ping is of that time."""
    return f"""({_in_span(time)}
        AND EXISTS (SELECT FROM device_assignments a WHERE a.vehicle_id = {vehicle} AND a.device_id = %(device)s
            AND (a.valid_from IS NULL OR a.valid_from <= {time}) AND (a.valid_to IS NULL OR {time} < a.valid_to))
        AND NOT EXISTS (SELECT FROM device_assignments a JOIN pings p ON p.device_id = a.device_id AND p.time = {time}
            WHERE a.vehicle_id = {vehicle} AND a.device_id <> %(device)s))"""


def _of_phone(ping: LiteralString) -> LiteralString:
    """Whether evidence is a position of the phone while it was his."""
    return f"""(COALESCE(({ping}->>'device_id')::bigint = %(device)s, false) AND jsonb_typeof({ping}->'lat') = 'number'
        AND {_in_span(f"({ping}->>'time')::timestamptz")})"""


_HIS_TIMES = f"SELECT t FROM unnest(%(times)s::timestamptz[]) AS t WHERE {_is_his('%(vehicle)s', 't')}"
_NOWHERE: LiteralString = """'{"lat": null, "lon": null, "accuracy_m": null}'::jsonb"""
_PIECE: LiteralString = "id > %(after)s AND id <= %(upto)s AND vehicle_id = ANY (%(vehicles)s)"
_ENTER, _EXIT = _of_phone("enter_evidence"), _of_phone("exit_evidence")
_CROSSED = _of_phone("(evidence->'ping')")
_SCRUB: dict[str, LiteralString] = {
    "visits": f"""
UPDATE visits SET enter_evidence = CASE WHEN {_ENTER} THEN enter_evidence || {_NOWHERE} ELSE enter_evidence END,
    exit_evidence = CASE WHEN {_EXIT} THEN exit_evidence || {_NOWHERE} ELSE exit_evidence END
WHERE {_PIECE} AND ({_ENTER} OR {_EXIT})
""",
    "crossings": f"""
UPDATE crossings SET evidence = jsonb_set(evidence, '{{ping}}', (evidence->'ping') || {_NOWHERE})
WHERE {_PIECE} AND jsonb_typeof(evidence->'ping') = 'object' AND {_CROSSED}
""",
    # What a device tells by itself is its own; the rest is the vehicle's, by whose ping it was at that time.
    "intervals": f"""
WITH his AS MATERIALIZED (
    SELECT id,
        ((device_id = %(device)s AND {_in_span("started_at")})
            OR (device_id = 0 AND {_is_his("intervals.vehicle_id", "started_at")})) AS starts,
        (ended_at IS NOT NULL AND ((device_id = %(device)s AND {_in_span("ended_at")})
            OR (device_id = 0 AND {_is_his("intervals.vehicle_id", "ended_at")}))) AS ends
    FROM intervals WHERE {_PIECE} AND (start_lat IS NOT NULL OR end_lat IS NOT NULL)
)
UPDATE intervals AS i SET
    start_lon = CASE WHEN his.starts THEN NULL ELSE i.start_lon END,
    start_lat = CASE WHEN his.starts THEN NULL ELSE i.start_lat END,
    end_lon = CASE WHEN his.ends THEN NULL ELSE i.end_lon END,
    end_lat = CASE WHEN his.ends THEN NULL ELSE i.end_lat END
FROM his WHERE i.id = his.id AND ((his.starts AND i.start_lat IS NOT NULL) OR (his.ends AND i.end_lat IS NOT NULL))
""",
}
_LAST: dict[str, LiteralString] = {
    "visits": "SELECT max(id) FROM visits",
    "crossings": "SELECT max(id) FROM crossings",
    "intervals": "SELECT max(id) FROM intervals",
}
# A state that missed nothing before still misses nothing; one that lagged behind still does.
_SAVE_STATE = """
UPDATE vehicle_states SET state = %(state)s,
    state_version = CASE WHEN state_version = %(version)s - 1 AND %(state)s::bytea IS NOT NULL
        THEN %(version)s ELSE LEAST(state_version, %(version)s - 2) END
WHERE vehicle_id = %(vehicle)s
"""
_FORGET_POSITION = f"""
UPDATE vehicle_states SET time = NULL, lat = NULL, lon = NULL, speed_kmh = NULL, heading_deg = NULL,
    accuracy_m = NULL, device_id = NULL
WHERE vehicle_id = %(vehicle)s AND device_id = %(device)s AND {_in_span("time")}
"""


class PhoneErasure(msgspec.Struct, frozen=True):
    """A row of `phone_erasures`, held against other workers."""

    id: int
    device_id: int
    since: datetime | None
    until: datetime | None
    uid: str | None
    asked_at: datetime
    step: str
    cursor: int
    counts: dict[str, int]

    @property
    def span(self) -> dict[str, object]:
        return {"device": self.device_id, "since": self.since, "until": self.until}


def next_erasure(connection: psycopg.Connection, after: int) -> PhoneErasure | None:
    row = connection.execute(_NEXT, [after]).fetchone()
    return None if row is None else PhoneErasure(*row)


def go_on(connection: psycopg.Connection, job: PhoneErasure, step: str, cursor: int, count: int) -> None:
    counts = job.counts if not count else {**job.counts, job.step: job.counts.get(job.step, 0) + count}
    connection.execute(_GO_ON, {"id": job.id, "step": step, "cursor": cursor, "counts": Jsonb(counts)})


def next_transaction(connection: psycopg.Connection) -> int:
    """All transactions that are in progress now have a smaller number."""
    return _number(connection, "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")


def oldest_transaction(connection: psycopg.Connection) -> int:
    """No transaction with a smaller number is in progress."""
    return _number(connection, "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")


def vehicles_of(connection: psycopg.Connection, job: PhoneErasure) -> list[int]:
    """The vehicles the phone was in while it was his."""
    return [row[0] for row in connection.execute(_VEHICLES, job.span)]


def his_times(
    connection: psycopg.Connection, job: PhoneErasure, vehicle_id: int, times_us: Iterable[int]
) -> set[int]:
    """Of the times those at which the vehicle can have been where it was by his phone alone."""
    parameters = {**job.span, "vehicle": vehicle_id, "times": [from_us(time_us) for time_us in times_us]}
    return {to_us(row[0]) for row in connection.execute(_HIS_TIMES, parameters)}


def scrub_rows(
    connection: psycopg.Connection, job: PhoneErasure, table: str, vehicles: Sequence[int], upto: int
) -> int:
    """Take his coordinates out of the rows of a table after the job's cursor, up to `upto`."""
    parameters = {**job.span, "after": job.cursor, "upto": upto, "vehicles": list(vehicles)}
    return connection.execute(_SCRUB[table], parameters).rowcount


def last_row(connection: psycopg.Connection, table: str) -> int:
    return _number(connection, _LAST[table])


def load_state(connection: psycopg.Connection, vehicle_id: int) -> tuple[bool, VehicleState | None]:
    """Whether there is a state, and the state if it can be read."""
    row = connection.execute(
        "SELECT state FROM vehicle_states WHERE vehicle_id = %s", [vehicle_id]
    ).fetchone()
    data = None if row is None else row[0]
    return data is not None, readable_state(data)


def save_state(
    connection: psycopg.Connection, vehicle_id: int, version: int, state: VehicleState | None
) -> None:
    """`version` as `store.lock_vehicles` gave it; None = it could not be read, and what it holds must go."""
    data = None if state is None else encode_state(state)
    connection.execute(_SAVE_STATE, {"state": data, "version": version, "vehicle": vehicle_id})


def forget_position(connection: psycopg.Connection, job: PhoneErasure, vehicle_id: int) -> int:
    return connection.execute(_FORGET_POSITION, {**job.span, "vehicle": vehicle_id}).rowcount


def load_snapshots(
    connection: psycopg.Connection, vehicle_id: int
) -> list[tuple[datetime, VehicleState | None]]:
    rows = connection.execute(
        "SELECT time, state FROM vehicle_snapshots WHERE vehicle_id = %s ORDER BY time", [vehicle_id]
    )
    return [(time, readable_state(state)) for time, state in rows]


def save_snapshots(
    connection: psycopg.Connection, vehicle_id: int, changed: Sequence[tuple[datetime, VehicleState]]
) -> None:
    connection.cursor().executemany(
        "UPDATE vehicle_snapshots SET state = %s WHERE vehicle_id = %s AND time = %s",
        [(encode_state(state), vehicle_id, time) for time, state in changed],
    )


def drop_snapshots(
    connection: psycopg.Connection, vehicle_id: int, before: datetime | None, unreadable: Sequence[datetime]
) -> int:
    """Those that no fold will begin at any more, and those whose content nobody can look into."""
    return connection.execute(
        "DELETE FROM vehicle_snapshots WHERE vehicle_id = %s AND (time < %s OR time = ANY (%s))",
        [vehicle_id, before, list(unreadable)],
    ).rowcount


def drop_refused(connection: psycopg.Connection, job: PhoneErasure, most: int) -> int:
    """Messages of the phone of which something was refused: those that came while it was his, and all by its old name.

    They have a payload where MESS_PHONE_PRIVACY=always, or from before it was registered as his; else they have the name.
    """
    return connection.execute(
        "DELETE FROM dead_letters WHERE id = ANY (ARRAY(SELECT id FROM dead_letters"
        f" WHERE device_uid = %(uid)s OR (device_id = %(device)s AND {_in_span('received_at')}) LIMIT %(most)s))",
        {**job.span, "uid": job.uid, "most": most},
    ).rowcount


def drop_signs(connection: psycopg.Connection, job: PhoneErasure) -> None:
    """When it came and went, what it said of itself and to commands, and the sequence numbers of a phone of his alone."""
    span = job.span
    connection.execute(
        f"DELETE FROM presence_changes WHERE device_id = %(device)s AND {_in_span('at')}", span
    )
    connection.execute(
        f"DELETE FROM command_results WHERE device_id = %(device)s AND {_in_span('received_at')}", span
    )
    if job.uid is not None:
        connection.execute(
            "UPDATE device_presence SET state = 'unknown', since = now(), last_seen_at = NULL, goodbye_at = NULL,"
            " connected_at = NULL, ended_at = NULL, report = '{}', reported_at = NULL WHERE device_id = %(device)s",
            span,
        )
        connection.execute("DELETE FROM device_acks WHERE device_id = %(device)s", span)


def _number(connection: psycopg.Connection, query: LiteralString) -> int:
    row = connection.execute(query).fetchone()
    return 0 if row is None or row[0] is None else int(row[0])
