"""Time per message of the codecs beside a plain `json.loads`: `python -m bench.codecs`.

Decoding includes range checks and the making of `Ping`s; the baseline only parses, and checks nothing.
Prints the best of several rounds, microseconds, and fails when the hot path exceeds its budget.
"""

import json
import sys
import time
import timeit
from collections.abc import Callable

import msgspec

from ingest.codecs.registry import Limits, decode
from ingest.steps import StepContext, apply_steps

ROUNDS = 7
SECONDS_PER_ROUND = 0.1
BATCH = 50

PING = (
    b'{"t":1768766222000,"lat":14.716677,"lon":-17.467686,"spd":52.4,"hdg":123.5,'
    b'"acc":4.5,"sat":11,"ign":true,"seq":123456}'
)
WITH_ATTRIBUTES = PING[:-1] + b',"gsm":{"rssi":-71,"cell":4711},"door":false,"alarms":["jamming"]}'
ONE_BAD = b"[" + b",".join([PING] * (BATCH - 1) + [PING.replace(b"14.716677", b"94.716677")]) + b"]"
LOCATION = (
    b'{"_type":"location","lat":14.716677,"lon":-17.467686,"tst":1768766222,"acc":13,"alt":21,"batt":74,'
    b'"bs":1,"cog":310,"conn":"m","t":"t","tid":"dk","vel":47}'
)
LIMITS = Limits()
CONTEXT = StepContext(received_us=1_768_766_222_000_000, earliest_us=0, max_future_us=0)

# Budget in microseconds; 0 = none
CASES: tuple[tuple[str, str, bytes, float], ...] = (
    ("one ping, JSON", "v1/devices/truck-1/pings", PING, 4.0),
    ("50 pings, JSON", "v1/devices/truck-1/pings", b"[" + b",".join([PING] * BATCH) + b"]", 130.0),
    ("one ping, MessagePack", "v1/devices/truck-1/pings/msgpack", b"", 4.0),
    ("50 pings, MessagePack", "v1/devices/truck-1/pings/msgpack", b"", 130.0),
    ("one ping with attributes and an alarm", "v1/devices/truck-1/pings", WITH_ATTRIBUTES, 0.0),
    ("50 pings, one of them bad", "v1/devices/truck-1/pings", ONE_BAD, 0.0),
    ("one ping with NaN", "v1/devices/truck-1/pings", PING.replace(b"52.4", b"NaN"), 0.0),
    ("OwnTracks location", "owntracks/truck-1/phone", LOCATION, 0.0),
)


def microseconds(run: Callable[[], object]) -> float:
    """Best processor time of one call; what else the machine does is not the codec's."""
    timer = timeit.Timer(run, timer=time.process_time)
    number = 1
    while timer.timeit(number) < SECONDS_PER_ROUND / 4:
        number *= 4
    return min(timer.repeat(ROUNDS, number)) / number * 1e6


def main() -> int:
    too_slow = []
    print(f"{'':<40}{'decode':>10}{'json.loads':>12}{'ratio':>8}{'budget':>8}")
    for position, (name, topic, given, budget) in enumerate(CASES):
        as_json = given or CASES[position - 2][2]
        payload = given or msgspec.msgpack.encode(json.loads(as_json))
        taken = microseconds(lambda t=topic, p=payload: decode(t, p, LIMITS))  # type: ignore[misc]
        plain = microseconds(lambda text=as_json: json.loads(text))  # type: ignore[misc]
        print(f"{name:<40}{taken:>10.2f}{plain:>12.2f}{taken / plain:>8.2f}{budget or '-':>8}")
        if budget and taken > budget:
            too_slow.append(name)
    pings = decode(CASES[1][1], CASES[1][2], LIMITS).pings
    print(f"{'steps, 50 pings':<40}{microseconds(lambda: apply_steps(pings, CONTEXT)):>10.2f}")
    for name in too_slow:
        print(f"over budget: {name}", file=sys.stderr)
    return 1 if too_slow else 0


if __name__ == "__main__":
    raise SystemExit(main())
