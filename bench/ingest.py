"""One ingest worker against Debian's mosquitto and TimescaleDB (or what there is): `make bench-ingest`.

Publisher, broker, database and worker share the machine. QoS 1, ack after commit, fences, trips, events and state on.
"""

import argparse
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any, Final

import uvloop

from bench.fleet import BenchFleet, joined, payloads
from bench.live import drive_live, percentile_ms
from bench.report import Report
from bench.rig import Rig, dealt_out, size_of

LIVE_RATE: Final = 1000.0
BATCH: Final = 50
LATE_PINGS: Final = 1000
PARTS: Final = ("baseline", "bare", "single", "batch", "latency", "late", "fences")


def rate(rig: Rig, program: Callable[[], AbstractContextManager[Any]], pings: int, batch: int) -> float:
    """Pings per second from the first publish until the last row is committed."""
    rig.empty()
    plans = rig.plans(pings, batch, end_ms=int(time.time() * 1000))
    expected = size_of(plans, batch) + 1  # and the one that warmed up
    with program():
        begin = time.perf_counter()
        rig.drive(plans)
        rig.await_stored(plans)
        seconds = time.perf_counter() - begin
    if rig.rows() != expected:
        raise SystemExit(f"{rig.rows()} rows for {expected} pings")
    return (expected - 1) / seconds


def late_rate(rig: Rig, trucks: int) -> tuple[float, float]:
    """Late pings per second: until they are stored, and until what they changed is told.

    Each of `trucks` is seen where it is now, and then uploads the way there: LATE_PINGS, 10 s apart.
    """
    rig.empty()
    end_ms = int(time.time() * 1000)
    tracks = [
        list(
            payloads(
                truck,
                count=LATE_PINGS + 1,
                batch=1,
                start_ms=end_ms - LATE_PINGS * 10_000,
                interval_ms=10_000,
            )
        )
        for truck in range(1, trucks + 1)
    ]
    late = [
        [joined(track[start : start + BATCH]) for start in range(0, LATE_PINGS, BATCH)] for track in tracks
    ]
    with rig.worker():
        rig.drive(dealt_out([track[-1:] for track in tracks], "pings"))
        rig.await_rows(1 + trucks)
        plans = dealt_out(late, "backlog")
        begin = time.perf_counter()
        rig.drive(plans)
        rig.await_stored(plans)
        stored_s = time.perf_counter() - begin
        rig.await_true(lambda: not rig.marks(), "refolds")
        told_s = time.perf_counter() - begin
    return trucks * LATE_PINGS / stored_s, trucks * LATE_PINGS / told_s


def latency(rig: Rig, seconds: int) -> list[tuple[float, float]]:
    """As `bench.live.drive_live` gives it."""
    rig.empty()
    with rig.worker():
        return uvloop.run(drive_live(rig, range(1, rig.fleet.vehicles + 1), LIVE_RATE, seconds))


def run(options: argparse.Namespace, report: Report) -> None:
    """The parts that `options.only` names, on one rig; many fences need another."""
    wanted = PARTS if options.only is None else (options.only,)
    with ExitStack() as stack:
        rig = Rig(stack, BenchFleet(options.vehicles, options.geofences))
        report.say(f"{rig.database_name}; {options.vehicles} vehicles, {options.geofences} geofences, QoS 1")
        if "baseline" in wanted:
            report.add(
                "baseline", rate(rig, lambda: rig.other("baseline_ingest"), options.baseline, 1), "msg/s"
            )
        if "bare" in wanted:
            report.add("bare", rate(rig, lambda: rig.other("bare_ingest"), options.messages, 1), "msg/s")
            report.add(
                "bare, batches", rate(rig, lambda: rig.other("bare_ingest"), options.pings, BATCH), "pings/s"
            )
        if "single" in wanted:
            report.add("worker", rate(rig, rig.worker, options.messages, 1), "msg/s")
        if "batch" in wanted:
            report.add("worker, batches", rate(rig, rig.worker, options.pings, BATCH), "pings/s")
        if "late" in wanted:
            stored, told = late_rate(rig, options.late_vehicles)
            report.add("late, stored", stored, "pings/s")
            report.add("late, told", told, "pings/s")
        if "latency" in wanted:
            waits = latency(rig, options.latency_seconds)
            report.add("live p50", percentile_ms(waits, 50), "ms")
            report.add(
                "live p99", percentile_ms(waits, 99), "ms", f"{len(waits):,} pings at {LIVE_RATE:,.0f}/s"
            )
    if "fences" in wanted:
        with ExitStack() as stack:
            rig = Rig(stack, BenchFleet(options.vehicles, options.geofences, options.many_geofences))
            report.add("worker, 100,000 fences more", rate(rig, rig.worker, options.messages, 1), "msg/s")
            report.add(
                "worker, 100,000 fences more, batches", rate(rig, rig.worker, options.pings, BATCH), "pings/s"
            )


def options_of(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--messages", type=int, default=150_000)
    parser.add_argument("--pings", type=int, default=600_000, help="in batches of 50 a message")
    parser.add_argument("--baseline", type=int, default=10_000)
    parser.add_argument("--vehicles", type=int, default=2000)
    parser.add_argument("--geofences", type=int, default=1000)
    parser.add_argument("--late-vehicles", type=int, default=300, help="1,000 late pings each")
    parser.add_argument("--many-geofences", type=int, default=100_000)
    parser.add_argument("--latency-seconds", type=int, default=15)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    options_of(parser)
    parser.add_argument("--only", choices=PARTS, default=None)
    report = Report()
    run(parser.parse_args(), report)
    report.ratios()


if __name__ == "__main__":
    main()
