"""The plain way that ingest is compared with: aiomqtt, json, and one INSERT per message."""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime

import aiomqtt
import psycopg

INSERT = (
    "INSERT INTO pings (device_id, time, received_at, lat, lon, speed_kmh, heading_deg, altitude_m,"
    " accuracy_m, satellites, ignition, battery_pct) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
    " ON CONFLICT DO NOTHING"
)


async def main(host: str, port: int, database_url: str) -> None:
    connection = await psycopg.AsyncConnection.connect(database_url, autocommit=True)
    cursor = await connection.execute("SELECT uid, id FROM devices")
    devices: dict[str, int] = dict(await cursor.fetchall())
    async with aiomqtt.Client(
        host, port, identifier="svc-baseline", protocol=aiomqtt.ProtocolVersion.V5
    ) as client:
        await client.subscribe("v1/devices/+/pings", qos=1)
        sys.stderr.write("ready\n")
        sys.stderr.flush()
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            body = json.loads(message.payload)
            await connection.execute(
                INSERT,
                [
                    devices[str(message.topic).split("/")[2]],
                    datetime.fromtimestamp(body["t"] / 1000, UTC),
                    datetime.now(UTC),
                    *(body.get(k) for k in ("lat", "lon", "spd", "hdg", "alt", "acc", "sat", "ign", "bat")),
                ],
            )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), os.environ["MESS_DATABASE_URL"]))
