"""What the books of each device cost a batch, and what a flood of bad messages does: `python -m bench.ledger`.

A batch of 5,000 pings of 600 devices. Building the row is processor time of the worker; the insert is one round trip.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg

from cli.parts.postgres import postgres
from config.migrate import migrate
from ingest import ledger_store, letter_store
from ingest.compactor import CompactorSettings, compact
from ingest.ledger import Arrived, Fates, arrived, ledger_rows
from ingest.letter import Letter, Refusal
from ingest.ping import Ping
from ingest.times import to_us
from ingest.track import from_pings

PINGS, DEVICES, FLEET = 5_000, 600, 2_000
ROUNDS = 200
LETTERS = 5_000


def batch(rng: np.random.Generator, now_us: int) -> Fates:
    """Live pings of some of the fleet's devices, up to three seconds old."""
    some = rng.choice(FLEET, DEVICES, replace=False) + 1
    devices = some[rng.integers(0, DEVICES, PINGS)]
    late_us = rng.integers(0, 3_000_000, PINGS)
    pings = from_pings(
        [Ping(time_us=now_us - int(us), lat=14.7, lon=-17.4) for us in late_us],
        devices,
        np.full(PINGS, now_us),
    )
    none = Arrived(np.empty(0, np.int64), np.empty(0, np.int64))
    return Fates(arrived(pings), pings, none, none, [])


def microseconds(work: Callable[[int], object], rounds: int) -> float:
    begin = time.perf_counter()
    for number in range(rounds):
        work(number)
    return (time.perf_counter() - begin) / rounds * 1e6


def main() -> None:
    rng, now = np.random.default_rng(1), datetime.now(UTC)
    batches = [batch(rng, to_us(now)) for _ in range(20)]
    build = microseconds(lambda n: ledger_rows(batches[n % 20]), ROUNDS)
    print(f"building a row: {build:,.0f} us for {PINGS} pings of {DEVICES} devices")
    with ExitStack() as stack:
        server = stack.enter_context(postgres())
        migrate(server.url("postgres"))
        connection = stack.enter_context(psycopg.connect(server.url("postgres"), autocommit=True))
        rows = [ledger_rows(each) for each in batches]
        with connection.transaction():
            insert = microseconds(lambda n: ledger_store.append(connection, "bench", rows[n % 20]), ROUNDS)
        print(f"inserting it:   {insert:,.0f} us, {len(rows[0][0].codes)} entries")
        settings = CompactorSettings(gap=timedelta(minutes=10), gap_pause=timedelta(0))
        begin, folded = time.perf_counter(), 0
        while some := compact(connection, settings, now.date()):
            folded += some
        print(f"folding it:     {(time.perf_counter() - begin) / folded * 1e6:,.0f} us, in the background")
        letter = Letter(
            to_us(now), "v1/devices/x/pings", 0, "x", b"x" * 200, 200, [Refusal("malformed", "why")]
        )
        with connection.transaction():
            flood = microseconds(lambda _: letter_store.save(connection, "bench", [letter] * LETTERS), 5)
        print(f"a bad message:  {flood / LETTERS:,.0f} us, {LETTERS} in a batch")


if __name__ == "__main__":
    main()
