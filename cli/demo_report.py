"""The evidence of a demo, as tables: the books of ingest, the crossings, the order's history, the socket."""

from dataclasses import dataclass
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from cli.demo_story import Told


@dataclass(frozen=True, slots=True)
class Books:
    """What the workers counted, worker by worker, and the crossings they told."""

    totals: list[tuple[str, int, int, int, int, int]]  # worker, received, stored, duplicate, rejected, late
    reasons: list[tuple[str, int]]
    rows: int
    crossings: list[tuple[str, str, str, str, Any, Any]]  # fence, kind, change, plate, event, recorded


def read_books(connection: psycopg.Connection) -> Books:
    return Books(
        connection.execute(
            "SELECT worker, received, stored, duplicate, rejected, late FROM ingest_totals ORDER BY worker"
        ).fetchall(),
        connection.execute("SELECT reason, count(*) FROM rejected_pings GROUP BY 1 ORDER BY 1").fetchall(),
        int((connection.execute("SELECT count(*) FROM pings").fetchone() or (0,))[0]),
        connection.execute(
            "SELECT g.name, c.kind, c.change, v.plate, c.time, c.recorded_at FROM crossings c"
            " JOIN geofences g ON g.id = c.geofence_id JOIN vehicles v ON v.id = c.vehicle_id ORDER BY c.id"
        ).fetchall(),
    )


def show(console: Console, told: Told, books: Books) -> None:
    """Print the tables; AssertionError when the books do not balance."""
    console.print()
    console.print(_counts(told, books))
    console.print(_equation(books))
    console.print(_crossings(books))
    console.print(_history(told))
    heard = ", ".join(f"{count} {kind}" for kind, count in sorted(told.heard.items()))
    console.print(f"The shipper's WebSocket received {sum(told.heard.values())} messages: {heard}.")
    hours = told.simulated_s / 3600
    console.print(f"{hours:.1f} hours on the road were played in {told.seconds:.0f} s.\n")
    _balance(told, books)


def _counts(told: Told, books: Books) -> Table:
    table = Table(title="Pings", title_justify="left")
    for heading in ("", "published", "received", "stored", "duplicate", "rejected", "late"):
        table.add_column(heading, justify="left" if not heading else "right")
    for worker, *numbers in books.totals:
        table.add_row(worker, "", *(f"{number}" for number in numbers))
    received, stored, duplicate, rejected, late = _sums(books)
    table.add_row(
        "[bold]all[/bold]",
        f"{told.devices.published}",
        *(f"{n}" for n in (received, stored, duplicate, rejected, late)),
        end_section=True,
    )
    return table


def _equation(books: Books) -> str:
    received, stored, duplicate, rejected, _ = _sums(books)
    reasons = ", ".join(f"{count} {reason}" for reason, count in books.reasons) or "nothing"
    return (
        f"received {received} = stored {stored} + duplicate {duplicate} + rejected {rejected}"
        f" ({reasons}); rows in the database: {books.rows}\n"
    )


def _crossings(books: Books) -> Table:
    table = Table(title="Crossings, as ingest told them", title_justify="left")
    for heading in ("geofence", "what", "change", "truck", "event time", "recorded"):
        table.add_column(heading)
    for fence, kind, change, plate, event, recorded in books.crossings:
        table.add_row(fence, kind, change, plate, f"{event:%H:%M:%S}", f"{recorded:%H:%M:%S}")
    return table


def _history(told: Told) -> Table:
    table = Table(title=f"History of order {told.order['id']}", title_justify="left")
    for heading in ("event time", "action", "status", "by", "evidence"):
        table.add_column(heading)
    for row in told.history:
        table.add_row(
            row["event_time"][11:19],
            row["action"],
            row["to_status"],
            row["actor_kind"],
            _evidence(row["evidence"]),
        )
    return table


def _evidence(evidence: dict[str, Any]) -> str:
    parts = []
    if evidence.get("visit_id") is not None:
        parts.append(f"visit {evidence['visit_id']}")
    if evidence.get("stay_s") is not None:
        parts.append(f"stayed {evidence['stay_s'] / 60:.0f} min")
    for ping in evidence.get("pings") or ():
        parts.append(f"ping {ping['time'][11:19]} at {ping['lat']:.5f}, {ping['lon']:.5f}")
    shown = [
        f"{key} {evidence[key]}" for key in ("receiver_name", "amount_xof") if evidence.get(key) is not None
    ]
    return "; ".join(parts + shown)


def _sums(books: Books) -> tuple[int, int, int, int, int]:
    columns = [sum(row[n] for row in books.totals) for n in range(1, 6)]  # type: ignore[misc]
    return columns[0], columns[1], columns[2], columns[3], columns[4]


def _balance(told: Told, books: Books) -> None:
    received, stored, duplicate, rejected, _ = _sums(books)
    assert received == stored + duplicate + rejected, "the books of ingest do not balance"
    assert received == told.devices.published, f"{told.devices.published} published but {received} received"
    assert stored == books.rows, f"{stored} counted as stored but {books.rows} rows"
    assert len(books.crossings) >= 4, "an entry or exit of pickup or delivery is missing"
