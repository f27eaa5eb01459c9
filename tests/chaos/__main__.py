"""`make chaos`: every fault under load, and a table of what was left; ends with 1 if anything was lost or differs."""

import argparse
import os
import sys
import time
from datetime import UTC, datetime

from cli.parts.mosquitto import find_mosquitto
from tests.chaos.faults import FAULTS, UNDISTURBED, Fault
from tests.chaos.load import Load, make_load
from tests.chaos.trial import Trial, run, why_not
from tests.chaos.verdict import Outcome, complaints

_COLUMNS = ("received", "stored", "duplicate", "rejected")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    names = [fault.name for fault in FAULTS]
    parser.add_argument("--only", action="append", choices=names, help="this fault; may be given again")
    parser.add_argument("--trucks", type=int, default=24)
    parser.add_argument("--hours", type=float, default=4.0, help="of driving")
    parser.add_argument("--seconds", type=float, default=40.0, help="in which they are driven")
    parser.add_argument("--down", type=float, default=5.0, help="seconds that a server stays away")
    options = parser.parse_args()
    if find_mosquitto() is None:
        print("mosquitto is not installed (Debian: apt-get install mosquitto)", file=sys.stderr)
        return 2
    load = make_load(options.trucks, options.hours, time.time_ns() // 1000)
    _head(load, options)
    reference, failed = None, 0
    for fault in (UNDISTURBED, *FAULTS):
        if fault is not UNDISTURBED and options.only and fault.name not in options.only:
            continue
        if (reason := why_not(fault)) is not None:
            _say(f"{fault.name:<22} not run: {reason}")
            continue
        trial, wrong = _try(load, fault, reference, options)
        failed += bool(wrong)
        _row(fault, trial, wrong)
        if fault is UNDISTURBED:
            if trial is None:
                return 1
            reference = trial.outcome
    _say("all faults survived" if not failed else f"{failed} FAILED")
    return 1 if failed else 0


def _try(
    load: Load, fault: Fault, reference: Outcome | None, options: argparse.Namespace
) -> tuple[Trial | None, list[str]]:
    try:
        trial = run(load, fault, driving_s=options.seconds, down_s=options.down)
    except (AssertionError, OSError, RuntimeError) as error:
        return None, [str(error), *getattr(error, "__notes__", [])]
    return trial, complaints(load, trial.outcome, reference)


def _head(load: Load, options: argparse.Namespace) -> None:
    _say(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, 2 workers, all on this machine")
    _say(
        f"{options.trucks} trucks drive {options.hours:g} hours in {options.seconds:g} s:"
        f" {len(load.senders)} devices, {len(load.expected()):,} different pings to store,"
        f" {len(load.refused()):,} to refuse; a server that goes stays away {options.down:g} s"
    )
    heads = "".join(f"{name:>10}" for name in _COLUMNS)
    _say(
        f"{'fault':<22}{heads}{'lost':>6}{'visits':>8}{'intervals':>11}{'revised':>9}{'time':>8}  as undisturbed"
    )


def _row(fault: Fault, trial: Trial | None, wrong: list[str]) -> None:
    if trial is not None:
        found = trial.outcome
        numbers = "".join(f"{found.totals[name]:>10,}" for name in _COLUMNS)
        intervals = sum(len(each) for each in found.intervals.values())
        _say(
            f"{fault.name:<22}{numbers}{trial.lost:>6,}{len(found.visits):>8,}{intervals:>11,}"
            f"{trial.revised:>9,}{trial.seconds:>6.0f} s  {'yes' if not wrong else 'NO'}"
        )
    else:
        _say(f"{fault.name:<22} DID NOT END")
    for line in wrong:
        _say(f"    {line}")


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
