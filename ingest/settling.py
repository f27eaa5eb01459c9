"""Marks of a changed assignment wait until no batch is under way that still knew the old one.

Such a batch has looked its devices up before the change, and stores a ping for the vehicle the device
was on. The vehicle it is on now is not locked by that batch: a refold could pass before the ping is
there to be seen. A batch reads the version of the fleet after its first write, so one that missed
the change was in progress, with a transaction id, when the change became visible.
"""

import time

import psycopg

# The one reason of a mark (platform_api writes it) that concerns pings of other vehicles' batches.
ASSIGNMENT = "assignment"
# Something else than a batch (which ends by its timeouts) holds a transaction open: go on without it.
_AT_MOST_S = 300.0


class Settling:
    """Which marks may be taken: asks only, waits for nobody. Call `look` outside of a transaction."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._settled: set[int] = set()
        self._waiting: set[int] = set()
        self._running: list[str] = []
        self._give_up_s = 0.0

    def look(self) -> list[int]:
        """The ids of assignment marks that no batch under way can contradict."""
        rows = self._connection.execute("SELECT id FROM dirty_vehicles WHERE reason = %s", [ASSIGNMENT])
        marks = {int(row[0]) for row in rows}
        self._settled &= marks
        if self._waiting and (not self._still_running() or time.monotonic() > self._give_up_s):
            self._settled |= self._waiting & marks
            self._waiting = set()
        if not self._waiting and marks - self._settled:
            self._waiting = marks - self._settled
            self._give_up_s = time.monotonic() + _AT_MOST_S
            # A statement of its own, after the marks were seen.
            found = self._connection.execute("SELECT pg_snapshot_xip(pg_current_snapshot())::text")
            self._running = [row[0] for row in found]
            if not self._running:
                self._settled |= self._waiting
                self._waiting = set()
        return sorted(self._settled)

    def _still_running(self) -> bool:
        found = self._connection.execute(
            "SELECT x::text FROM unnest(%s::xid8[]) AS x WHERE pg_xact_status(x) = 'in progress'",
            [self._running],
        )
        self._running = [row[0] for row in found]
        return bool(self._running)
