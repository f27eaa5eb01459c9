"""Live pings while half of the fleet uploads hours of backlog at once: `python -m bench.backlog`.

Each uploading truck is back in coverage and says where it is; then it sends what it recorded on the way there, in
messages of BATCH pings, as fast as the broker takes them, from a process of its own. All of that is late. Once on the topic for backlog, and once on the
topic for live pings, as devices do that know no other. What is compared is the time from publish to live channel of
the other half, before the upload and until everything uploaded is stored and told.
"""

import argparse
import multiprocessing
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing.synchronize import Event
from typing import Final

import uvloop

from bench.fleet import BenchFleet, joined, payloads
from bench.live import WARM_UP_S, drive_live, percentile_ms
from bench.report import Report
from bench.rig import Rig, dealt_out
from simulator.blast import blast

BATCH: Final = 50
QUIET_S: Final = 15
INTERVAL_S: Final = 10


def run(options: argparse.Namespace, report: Report) -> None:
    """Both topics, each on an empty database."""
    half = options.backlog_vehicles
    with ExitStack() as stack:
        rig = Rig(stack, BenchFleet(2 * half, options.geofences))
        report.say(
            f"{rig.database_name}; {half} trucks upload {options.backlog_hours:g} h, a ping every {INTERVAL_S} s,"
            f" while {half} are live at {options.live_rate:g} pings/s"
        )
        for topic, names in (
            ("backlog", ("quiet, live p99", "beside backlog, live p99")),
            ("pings", ("quiet, live p99 again", "beside old pings, live p99")),
        ):
            _measure(rig, options, report, topic, names)


def _measure(
    rig: Rig, options: argparse.Namespace, report: Report, topic: str, names: tuple[str, str]
) -> None:
    rig.empty()
    half = options.backlog_vehicles
    each = int(options.backlog_hours * 3600 / INTERVAL_S) // BATCH * BATCH
    pings = each * half
    seconds = QUIET_S + options.backlog_seconds
    context = multiprocessing.get_context("spawn")
    ready, go = context.Event(), context.Event()
    sender = context.Process(
        target=_upload,
        args=(rig.broker.host, rig.broker.port, half, each, topic, ready, go),
        daemon=True,
    )
    with rig.worker(), ThreadPoolExecutor(1) as pool:
        sender.start()
        ready.wait()
        rig.await_rows(1 + half)
        live = pool.submit(
            lambda: uvloop.run(drive_live(rig, range(half + 1, 2 * half + 1), options.live_rate, seconds))
        )
        time.sleep(WARM_UP_S + QUIET_S)
        begin_s = time.time()
        go.set()
        rig.await_true(lambda: _late(rig) >= pings, "backlog stored")
        stored_s = time.time() - begin_s
        rig.await_true(lambda: not rig.marks(), "backlog told")
        told_s = time.time() - begin_s
        waits = live.result()
        sender.join()
    quiet = [each for each in waits if each[0] < begin_s - 0.5]
    beside = [each for each in waits if begin_s <= each[0] <= begin_s + told_s]
    covered_s = min(told_s, seconds - QUIET_S)
    report.add(
        names[0],
        percentile_ms(quiet, 99),
        "ms",
        f"p50 {percentile_ms(quiet, 50):.0f} ms, {len(quiet):,} pings",
    )
    report.add(
        names[1], percentile_ms(beside, 99), "ms",
        f"p50 {percentile_ms(beside, 50):.0f} ms, worst {percentile_ms(beside, 100):.0f} ms, {len(beside):,} pings;"
        f" {pings:,} late ones stored after {stored_s:.0f} s, told after {told_s:.0f} s, live for {covered_s:.0f} s of it",
    )  # fmt: skip


def _late(rig: Rig) -> int:
    row = rig.connection.execute("SELECT coalesce(sum(late), 0) FROM ingest_totals").fetchone()
    return int(row[0]) if row else 0


def _upload(host: str, port: int, trucks: int, each: int, topic: str, ready: Event, go: Event) -> None:
    """In a process of its own. Each truck says where it is; when told to, it uploads the way there."""
    start_ms = int(time.time() * 1000) - each * INTERVAL_S * 1000
    tracks = [
        list(payloads(truck, count=each + 1, batch=1, start_ms=start_ms, interval_ms=INTERVAL_S * 1000))
        for truck in range(1, trucks + 1)
    ]
    bodies = [[joined(track[at : at + BATCH]) for at in range(0, each, BATCH)] for track in tracks]
    back = dealt_out([track[-1:] for track in tracks], "pings")
    uvloop.run(blast(host, port, clients=back, timeout_s=60))
    plans = dealt_out(bodies, topic)
    ready.set()
    go.wait()
    uvloop.run(blast(host, port, clients=plans, in_flight=2000, timeout_s=600))


def options_of(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backlog-vehicles", type=int, default=500, help="that upload; as many are live")
    parser.add_argument("--backlog-hours", type=float, default=4.0)
    parser.add_argument("--backlog-seconds", type=int, default=45, help="of live pings beside the upload")
    parser.add_argument("--live-rate", type=float, default=500.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--geofences", type=int, default=1000)
    options_of(parser)
    report = Report()
    run(parser.parse_args(), report)
    report.ratios()


if __name__ == "__main__":
    main()
