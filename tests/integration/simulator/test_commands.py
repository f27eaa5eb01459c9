"""`mess replay` and `mess simulate` through the real broker into the real ingest worker."""

import csv
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import Result
from typer.testing import CliRunner

from brokers.credentials import issue_secret, store_credential
from cli.main import build_app
from cli.parts.mosquitto import Mosquitto
from tests.support.ingest import add_device, add_vehicle
from tests.support.worker import count, totals, worker

NEEDS_TRACKS = pytest.mark.skipif(
    not os.environ.get("MESS_TRACKS"), reason="MESS_TRACKS does not name the folder of recorded tracks"
)
BUSES = ("4716", "4720", "4722", "4733", "4803", "4836", "4841", "4842")


@pytest.fixture(scope="module")
def connection(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def platform(
    mqtt_broker: Any, database_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """The embedded broker with an ingest worker behind it."""
    with worker(tmp_path_factory.mktemp("worker"), mqtt_broker, database_url, redis_url):
        yield mqtt_broker


@pytest.fixture
def register(connection: psycopg.Connection[Any], tmp_path: Path) -> Callable[..., Path]:
    """Registers trackers, each on a vehicle of its own, and returns a credentials file for them."""

    def make(*uids: str) -> Path:
        path = tmp_path / "credentials.csv"
        with path.open("w", newline="") as out:
            rows = csv.writer(out)
            rows.writerow(("uid", "secret"))
            for uid in uids:
                device_id, secret = (
                    add_device(connection, uid, add_vehicle(connection, f"V {uid}")),
                    issue_secret(),
                )
                store_credential(connection, username=uid, client_id=uid, secret=secret, device_id=device_id)
                rows.writerow((uid, secret))
        return path

    return make


def mess(command: str, *arguments: object, broker: Any) -> Result:
    address = ("--host", broker.host, "--port", broker.port, "--protocol", broker.protocol)
    words = [command, *arguments, *address, "--speed-up", "max"]
    return CliRunner().invoke(build_app(command), [str(word) for word in words])


def stored(connection: psycopg.Connection[Any], uid: str) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT extract(epoch FROM p.time)::bigint, p.lat, p.lon FROM pings p"
        " JOIN devices d ON d.id = p.device_id WHERE d.uid = %s ORDER BY p.time",
        [uid],
    ).fetchall()


@NEEDS_TRACKS
def test_eight_buses_arrive_as_recorded(
    platform: Any, connection: psycopg.Connection[Any], register: Callable[..., Path]
) -> None:
    file = Path(os.environ["MESS_TRACKS"]) / "bus_liverpool_route14.csv"
    credentials = register(*(f"bus-{bus}" for bus in BUSES))
    columns = "time=timestamp,lat=latitude,lon=longitude,device=vehicle_id,heading=bearing"
    result = mess(
        *("replay", file, "--columns", columns, "--device-prefix", "bus-", "--credentials", credentials),
        *("--batch", 20, "--shuffle", "--duplicate"),
        broker=platform,
    )
    assert result.exit_code == 0, result.output
    with file.open(newline="") as lines:
        expected = {(row["vehicle_id"], row["timestamp"]) for row in csv.DictReader(lines)}
    assert sum(len(stored(connection, f"bus-{bus}")) for bus in BUSES) == len(expected)
    assert "1533" in result.output  # every row is a ping of its own


@NEEDS_TRACKS
@pytest.mark.parametrize("payload", ["native", "msgpack", "owntracks"])
def test_a_gpx_drive_keeps_its_times_and_places(
    platform: Any, connection: psycopg.Connection[Any], register: Callable[..., Path], payload: str
) -> None:
    uid = f"car-{payload}"
    file = Path(os.environ["MESS_TRACKS"]) / "car_visnjan.gpx"
    result = mess(
        *("replay", file, "--device", uid, "--payload", payload, "--credentials", register(uid)),
        broker=platform,
    )
    assert result.exit_code == 0, result.output
    assert ("OwnTracks knows no application ack" in result.output) == (payload == "owntracks")
    if payload != "owntracks":  # its PUBACK is the broker's word: the worker may still be writing
        rows = stored(connection, uid)
        assert rows[0] == (1608272150, 45.2735188510, 13.7142099626)
        assert len(rows) == file.read_text().count("<trkpt")


def test_trucks_with_every_fault_end_in_the_database(
    platform: Any, connection: psycopg.Connection[Any], register: Callable[..., Path]
) -> None:
    uids = ("truck-a", "truck-b", "truck-c")
    phones = tuple(f"{uid}-phone" for uid in uids)
    before = totals(connection)
    result = mess(
        *("simulate", "--trucks", 3, "--phone", "--duration", "2h", "--faults", "all", "--batch", 5),
        *("--credentials", register(*uids, *phones), "--seed", "7"),
        broker=platform,
    )
    assert result.exit_code == 0, result.output
    after = totals(connection)
    change = {name: after[name] - before[name] for name in after}
    assert change["received"] == change["stored"] + change["duplicate"] + change["rejected"]
    assert change["duplicate"] > 0
    assert change["rejected"] > 0  # 0/0 fixes and wrong clocks
    for uid in (*uids, *phones):
        assert (
            count(
                connection,
                "SELECT count(*) FROM pings p JOIN devices d ON d.id = p.device_id WHERE d.uid = %s",
                uid,
            )
            > 50
        ), uid


def test_wrong_secret_is_said_in_plain_words(
    platform: Any, register: Callable[..., Path], tmp_path: Path
) -> None:
    register("tracker-x")
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps({"tracker-x": "not the secret"}))
    result = mess("simulate", "--trucks", 1, "--duration", "10m", "--credentials", wrong, broker=platform)
    assert result.exit_code == 1
    assert "the broker refused device 'tracker-x'" in result.output


def test_nobody_acknowledges_without_ingest(mosquitto: Mosquitto) -> None:
    result = mess("simulate", "--trucks", 1, "--duration", "10m", "--patience", 1, broker=mosquitto)
    assert result.exit_code == 1
    assert "pings were not acknowledged. Is ingest running?" in result.output
