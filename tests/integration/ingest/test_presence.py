"""Presence on a real database: what is written when, told once, and never wrong when two workers look."""

import itertools
import json
import random
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from config.settings import Settings
from ingest import presence_store
from ingest.intake import Message
from ingest.pipeline import Pipeline
from ingest.presence import MUTE_US
from ingest.presence_store import PresenceChange
from ingest.times import from_us
from tests.support.ingest import add_device, add_vehicle, make_pipeline, ping_body
from tests.support.waiting import wait_until

S = 1_000_000
NOW_US = 1_769_443_022_000_000
SETTINGS = Settings(presence_grace_s=120, presence_silence_s=1800, presence_seen_every_s=60)
_numbers = itertools.count()


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def pipeline(database_url: str) -> Iterator[Pipeline]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield make_pipeline(opened, SETTINGS)


class Someone:
    """A device of its own, in a vehicle of its own; seconds count from NOW_US."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.uid = f"dev-{next(_numbers)}"
        self.vehicle_id = add_vehicle(connection, f"V {self.uid}")
        self.id = add_device(connection, self.uid, self.vehicle_id)

    def says(self, tail: str, second: float, body: Any, *, retained: bool = False) -> Message:
        at_us = NOW_US + round(second * S)
        return Message(f"v1/devices/{self.uid}/{tail}", json.dumps(body).encode(), at_us, retained=retained)

    def pings(self, second: float) -> Message:
        return self.says("pings", second, ping_body(NOW_US + round(second * S), 14.7, -17.4))

    def status(self, second: float, online: bool, *, retained: bool = False) -> Message:
        return self.says("status", second, {"online": online}, retained=retained)

    def broker_says(self, second: float, online: bool, connection_s: int) -> Message:
        event = "connected" if online else "disconnected"
        body = {"clientid": self.uid, "connected_at": connection_s * 1000}
        topic = f"$SYS/brokers/emqx@127.0.0.1/clients/{self.uid}/{event}"
        return Message(topic, json.dumps(body).encode(), NOW_US + round(second * S))

    def row(self) -> dict[str, Any]:
        cursor = self.connection.execute("SELECT * FROM device_presence WHERE device_id = %s", [self.id])
        assert cursor.description
        (row,) = cursor.fetchall()
        return dict(zip([column.name for column in cursor.description], row, strict=True))

    def seen_s(self) -> float | None:
        seen = self.row()["last_seen_at"]
        return None if seen is None else (seen - from_us(NOW_US)).total_seconds()

    def told(self) -> list[tuple[str, float]]:
        return [
            (state, (at - from_us(NOW_US)).total_seconds())
            for state, at in self.connection.execute(
                "SELECT state, at FROM presence_changes WHERE device_id = %s ORDER BY id", [self.id]
            )
        ]


@pytest.fixture
def someone(connection: psycopg.Connection) -> Someone:
    return Someone(connection)


def tend(pipeline: Pipeline, second: float) -> list[PresenceChange]:
    return pipeline.tend_presence(NOW_US + round(second * S))


def test_every_device_has_a_row_of_which_nothing_is_known(someone: Someone) -> None:
    assert (someone.row()["state"], someone.row()["last_seen_at"]) == ("unknown", None)


def test_online_at_once_and_offline_after_the_grace(pipeline: Pipeline, someone: Someone) -> None:
    (change,) = pipeline.process([someone.pings(0)]).presence
    assert (change.device_id, change.vehicle_id, change.state) == (someone.id, someone.vehicle_id, "online")
    assert pipeline.process([someone.status(10, False)]).presence == []
    assert tend(pipeline, 129) == []
    (change,) = [each for each in tend(pipeline, 130) if each.device_id == someone.id]
    assert (change.state, change.at_us, change.vehicle_id) == ("offline", NOW_US + 10 * S, someone.vehicle_id)
    assert tend(pipeline, 140) == []
    assert pipeline.process([someone.pings(200)]).presence[0].state == "online"
    assert someone.told() == [("online", 0), ("offline", 10), ("online", 200)]


def test_a_return_within_the_grace_is_written_at_once(pipeline: Pipeline, someone: Someone) -> None:
    pipeline.process([someone.pings(0)])
    pipeline.process([someone.status(10, False)])
    pipeline.process([someone.pings(20)])
    assert someone.seen_s() == 20


def test_a_flapping_connection_is_told_once(pipeline: Pipeline, someone: Someone) -> None:
    for second in range(0, 3600, 40):
        pipeline.process([someone.status(second, True)])
        pipeline.process([someone.status(second + 10, False)])
        tend(pipeline, second + 39)
    assert someone.told() == [("online", 0)]


def test_signs_of_life_are_written_now_and_then(pipeline: Pipeline, someone: Someone) -> None:
    for second in range(0, 60, 5):
        pipeline.process([someone.pings(second)])
    assert someone.seen_s() == 0
    pipeline.process([someone.pings(60)])
    assert someone.seen_s() == 60


def test_those_that_are_due_wait_for_each_other_and_not_for_long(
    pipeline: Pipeline, connection: psycopg.Connection, someone: Someone
) -> None:
    other = Someone(connection)
    pipeline.process([someone.pings(0), other.pings(0)])
    pipeline.process([someone.pings(100)])
    pipeline.process([other.pings(100.5)])
    assert (someone.seen_s(), other.seen_s()) == (100, 0)
    tend(pipeline, 101)  # no other batch follows
    assert other.seen_s() == 100.5


def test_silence_tells_of_one_that_never_says_goodbye(pipeline: Pipeline, someone: Someone) -> None:
    pipeline.process([someone.pings(0)])
    assert [each for each in tend(pipeline, 1799) if each.device_id == someone.id] == []
    tend(pipeline, 1800)
    assert someone.told() == [("online", 0), ("offline", 0)]


def test_one_that_says_goodbye_is_believed_for_a_day(pipeline: Pipeline, someone: Someone) -> None:
    pipeline.process([someone.status(0, True)])
    tend(pipeline, 24 * 3600)
    assert someone.told() == [("online", 0)]
    tend(pipeline, MUTE_US / S)
    assert someone.told() == [("online", 0), ("offline", 0)]


def test_a_disabled_device_is_told_offline_by_its_silence(pipeline: Pipeline, someone: Someone) -> None:
    pipeline.process([someone.status(0, True)])
    someone.connection.execute("UPDATE devices SET disabled = true WHERE id = %s", [someone.id])
    assert pipeline.process([someone.status(10, False)]).presence == []  # nobody listens to it any more
    tend(pipeline, 1799)
    assert someone.told() == [("online", 0)]
    tend(pipeline, 1800)
    assert someone.told() == [("online", 0), ("offline", 0)]


def test_what_the_broker_had_kept(pipeline: Pipeline, connection: psycopg.Connection) -> None:
    new, old, gone = Someone(connection), Someone(connection), Someone(connection)
    pipeline.process([old.pings(0), gone.pings(0)])
    pipeline.process([new.status(5, True, retained=True), gone.status(5, False, retained=True)])
    assert new.row()["state"] == "unknown"
    pipeline.process([old.pings(100)])
    tend(pipeline, 126)
    assert (old.row()["state"], gone.row()["state"]) == ("online", "offline")


def test_the_end_of_a_connection_that_was_taken_over(pipeline: Pipeline, someone: Someone) -> None:
    pipeline.process([someone.broker_says(0, True, 10)])
    pipeline.process([someone.broker_says(100, True, 110), someone.broker_says(101, False, 10)])
    tend(pipeline, 300)
    assert someone.told() == [("online", 0)]
    pipeline.process([someone.broker_says(310, False, 110)])
    tend(pipeline, 500)
    assert someone.told() == [("online", 0), ("offline", 310)]


def test_how_commands_reach_it_is_remembered(pipeline: Pipeline, someone: Someone) -> None:
    def way() -> tuple[str | None, str]:
        row = someone.row()
        return row["downlink"], row["downlink_address"]

    assert way() == (None, "")
    location = {"_type": "location", "tst": NOW_US // S, "lat": 14.7, "lon": -17.4}
    topic, body = f"owntracks/{someone.uid}/pixel", json.dumps(location).encode()
    pipeline.process([Message(topic, body, NOW_US)])
    assert way() == ("owntracks", "pixel")
    pipeline.process([someone.pings(61)])
    assert way() == ("native", "")
    query = f"id={someone.uid}&lat=14.7&lon=-17.4&timestamp={NOW_US // S}".encode()
    pipeline.process([Message(f"osmand/{someone.uid}", query, NOW_US + 122 * S)])
    assert way() == ("native", "")  # a topic without a way down says nothing of it
    assert someone.seen_s() == 122


def test_what_it_says_of_itself_is_merged_by_name(pipeline: Pipeline, someone: Someone) -> None:
    def status(second: int, **android: Any) -> Message:
        body = json.dumps({"_type": "status", "android": android}).encode()
        return Message(f"owntracks/{someone.uid}/pixel/status", body, NOW_US + second * S)

    pipeline.process([status(0, bo=1, ps=0)])
    pipeline.process([status(1, bo=0), status(2, wifi=1)])
    row = someone.row()
    assert row["report"] == {"battery_optimised": False, "power_save": False, "wifi_on": True}
    assert row["reported_at"] == from_us(NOW_US + 2 * S)


def test_answers_go_into_the_inbox(
    pipeline: Pipeline, connection: psycopg.Connection, someone: Someone
) -> None:
    result = pipeline.process(
        [
            someone.says("commands/c-1/result", 0, {"ok": True, "state": "received"}),
            someone.says("commands/c-1/result", 1, {"ok": False, "text": "moving"}),
        ]
    )
    assert result.answered == [someone.id]
    rows = connection.execute(
        "SELECT command_id, receipt, ok, text, received_at, handled_at FROM command_results"
        " WHERE device_id = %s ORDER BY id",
        [someone.id],
    ).fetchall()
    assert rows == [
        ("c-1", True, True, "", from_us(NOW_US), None),
        ("c-1", False, False, "moving", from_us(NOW_US + S), None),
    ]


def test_a_batch_that_failed_wrote_nothing_and_is_written_when_it_comes_again(
    pipeline: Pipeline, connection: psycopg.Connection, someone: Someone
) -> None:
    locker = psycopg.connect(connection.info.dsn)
    locker.execute("SELECT FROM device_presence WHERE device_id = %s FOR UPDATE", [someone.id])
    pipeline._connection.execute("SET lock_timeout = '200ms'")
    with pytest.raises(psycopg.errors.LockNotAvailable):
        pipeline.process([someone.pings(0)])
    assert someone.row()["state"] == "unknown"
    locker.close()
    assert [each.state for each in pipeline.process([someone.pings(0)]).presence] == ["online"]


def test_another_worker_told_it_offline(pipeline: Pipeline, database_url: str, someone: Someone) -> None:
    with psycopg.connect(database_url, autocommit=True) as opened:
        other = make_pipeline(opened, SETTINGS)
        pipeline.process([someone.pings(0)])
        other.process([someone.status(10, False)])
        tend(other, 130)
        # The first worker remembers it online; what it hears now is still news.
        pipeline.process([someone.pings(140)])
    assert someone.told() == [("online", 0), ("offline", 10), ("online", 140)]


def test_a_sign_of_life_at_another_worker_holds_the_goodbye_up(
    pipeline: Pipeline, database_url: str, someone: Someone
) -> None:
    with psycopg.connect(database_url, autocommit=True) as opened:
        other = make_pipeline(opened, SETTINGS)
        pipeline.process([someone.pings(0)])
        other.process([someone.status(10, False)])
        for second in range(20, 130, 10):
            pipeline.process([someone.pings(second)])
        tend(other, 131)
    assert someone.told() == [("online", 0)]


def test_what_another_worker_writes_meanwhile_is_not_overwritten(
    pipeline: Pipeline, connection: psycopg.Connection, database_url: str, someone: Someone
) -> None:
    pipeline.process([someone.pings(0)])
    with psycopg.connect(database_url, autocommit=True) as opened:
        with opened.transaction():
            known = presence_store.lock(opened, [someone.id])[someone.id].known
            other = threading.Thread(target=pipeline.process, args=([someone.status(10, False)],))
            other.start()
            waiting = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
            pid = pipeline._connection.info.backend_pid
            wait_until(lambda: connection.execute(waiting, [pid]).fetchall(), what="the other to wait")
            seen = msgspec.structs.replace(known, seen_us=NOW_US + 20 * S)
            presence_store.save(opened, [presence_store.Saved(someone.id, seen)])
        other.join()
    row = someone.row()
    assert (someone.seen_s(), row["goodbye_at"]) == (20, from_us(NOW_US + 10 * S))


def test_two_workers_on_the_same_devices_wait_for_nobody_for_ever(
    database_url: str, connection: psycopg.Connection
) -> None:
    devices = [Someone(connection) for _ in range(12)]
    failures: list[BaseException] = []
    start = threading.Barrier(3, timeout=20)

    def work(number: int) -> None:
        rng = random.Random(number)
        try:
            with psycopg.connect(database_url, autocommit=True) as opened:
                made = make_pipeline(opened, SETTINGS)
                start.wait()
                for second in range(0, 4000, 100):
                    some = rng.sample(devices, 8)
                    batch = [d.pings(second + n / 100) for n, d in enumerate(some)]
                    batch += [d.status(second + 50 + n / 100, rng.random() < 0.5) for n, d in enumerate(some)]
                    made.process(batch)
        except BaseException as error:
            failures.append(error)

    def sweep() -> None:
        try:
            with psycopg.connect(database_url, autocommit=True) as opened:
                made = make_pipeline(opened, SETTINGS)
                start.wait()
                for second in range(0, 4000, 50):
                    tend(made, second)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in (1, 2)] + [threading.Thread(target=sweep)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for device in devices:
        states = [state for state, _ in device.told()]
        assert all(a != b for a, b in itertools.pairwise(states)), states
        assert [device.row()["state"]] == states[-1:]


def test_two_sweeps_at_once_tell_once(
    database_url: str, connection: psycopg.Connection, pipeline: Pipeline
) -> None:
    devices = [Someone(connection) for _ in range(50)]
    pipeline.process([d.pings(0) for d in devices])
    pipeline.process([d.status(1, False) for d in devices])
    start = threading.Barrier(2, timeout=20)

    def sweep() -> None:
        with psycopg.connect(database_url, autocommit=True) as opened:
            made = make_pipeline(opened, SETTINGS)
            start.wait()
            tend(made, 200)

    threads = [threading.Thread(target=sweep) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {tuple(device.told()) for device in devices} == {(("online", 0.0), ("offline", 1.0))}


def test_what_was_told_long_ago_is_forgotten(
    pipeline: Pipeline, connection: psycopg.Connection, someone: Someone
) -> None:
    pipeline.process([someone.pings(0), someone.says("commands/c-1/result", 0, {"ok": True})])
    keep, later_us = timedelta(days=90), NOW_US + 400 * 86_400 * S
    connection.execute("UPDATE presence_changes SET recorded_at = %s", [from_us(NOW_US)])
    assert presence_store.drop_old(connection, keep, NOW_US) is False
    assert len(someone.told()) == 1
    presence_store.drop_old(connection, keep, later_us)
    assert someone.told() == []
    unread = connection.execute("SELECT count(*) FROM command_results").fetchone()
    connection.execute("UPDATE command_results SET handled_at = now()")
    presence_store.drop_old(connection, keep, later_us)
    left = connection.execute("SELECT count(*) FROM command_results").fetchone()
    assert (unread != (0,), left) == (True, (0,))
