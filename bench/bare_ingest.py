"""The yardstick: the least that an ingest can be and still lose nothing.

gmqtt, msgspec, one binary COPY a batch, acknowledged after the commit. It checks nothing, judges nothing, keeps no
state and tells nobody; a repeated ping ends it. What the worker's rate is to this one's is the price of
everything that the worker does besides.
"""

import asyncio
import contextlib
import os
import sys
import time

import gmqtt
import msgspec
import numpy as np
import psycopg
import uvloop

BATCH_PINGS = 5_000
BATCH_WAIT_S = 0.02
POSTGRES_EPOCH_US = 946_684_800_000_000
COLUMNS = (
    ("device_id", ">i8"), ("time", ">i8"), ("received_at", ">i8"), ("lat", ">f8"), ("lon", ">f8"),
    ("speed_kmh", ">f4"), ("heading_deg", ">f4"), ("altitude_m", ">f4"), ("accuracy_m", ">f8"),
    ("satellites", ">i2"), ("ignition", "?"), ("battery_pct", ">f4"),
)  # fmt: skip
LAYOUT = np.dtype([
    ("fields", ">i2"),
    *(part for name, kind in COLUMNS for part in ((f"{name}_length", ">i4"), (name, kind))),
])  # fmt: skip
COPY = f"COPY pings ({', '.join(name for name, _ in COLUMNS)}) FROM STDIN (FORMAT binary)"
HEADER, TRAILER = b"PGCOPY\n\xff\r\n\x00" + bytes(8), b"\xff\xff"


class Body(msgspec.Struct):
    t: int
    lat: float
    lon: float
    spd: float
    hdg: float
    alt: float
    acc: float
    sat: int
    ign: bool
    bat: float


decode = msgspec.json.Decoder(Body | list[Body]).decode


class Bare:
    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._devices: dict[str, int] = dict(connection.execute("SELECT uid, id FROM devices").fetchall())
        self._rows: list[tuple[object, ...]] = []
        self._stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._due = asyncio.Event()
        self._full = asyncio.Event()

    async def on_message(
        self, client: object, topic: str, payload: bytes, qos: int, properties: object
    ) -> int:
        body = decode(payload)
        device_id, now_us = self._devices[topic.split("/")[2]], time.time_ns() // 1000
        for p in body if type(body) is list else [body]:
            self._rows.append(
                (device_id, p.t * 1000, now_us, p.lat, p.lon, p.spd, p.hdg, p.alt, p.acc, p.sat, p.ign, p.bat)
            )
        self._due.set()
        if len(self._rows) >= BATCH_PINGS:
            self._full.set()
        await self._stored
        return 0

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._due.wait()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._full.wait(), BATCH_WAIT_S)
            rows, stored = self._rows, self._stored
            self._rows, self._stored = [], loop.create_future()
            self._due.clear()
            self._full.clear()
            await loop.run_in_executor(None, self._copy, rows)
            stored.set_result(None)

    def _copy(self, rows: list[tuple[object, ...]]) -> None:
        table = np.zeros(len(rows), dtype=LAYOUT)
        table["fields"] = len(COLUMNS)
        for (name, kind), values in zip(COLUMNS, zip(*rows, strict=True), strict=True):
            table[f"{name}_length"] = np.dtype(kind).itemsize
            table[name] = values
        table["time"] -= POSTGRES_EPOCH_US
        table["received_at"] -= POSTGRES_EPOCH_US
        with self._connection.cursor() as cursor, cursor.copy(COPY) as copy:
            copy.write(HEADER + table.tobytes() + TRAILER)


async def main(host: str, port: int, database_url: str) -> None:
    bare = Bare(psycopg.connect(database_url, autocommit=True))
    client = gmqtt.Client(
        "svc-bare", clean_session=True, optimistic_acknowledgement=False, receive_maximum=20_000
    )
    client.on_message = bare.on_message
    await client.connect(host, port)
    client.subscribe("$share/bare/v1/devices/+/pings", qos=1)
    sys.stderr.write("ready\n")
    sys.stderr.flush()
    await bare.run()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), os.environ["MESS_DATABASE_URL"]))
