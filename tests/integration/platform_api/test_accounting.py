"""Accounts and dead letters over HTTP: what each may see, pages, filters, and a replay that is asked for."""

import base64
import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from config.settings import Settings
from ingest.compactor import CompactorSettings, compact, count_gaps
from ingest.intake import Message
from ingest.replay import Fate, Replayer
from ingest.times import to_us
from ingest.worker import pipeline_settings
from platform_api.actor import Role
from tests.support.api import Person, api_on, code_of, person
from tests.support.ingest import make_pipeline, ping_body
from tests.support.worker import count

API = "/api/v1/telemetry"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = Settings(ingest_worker="svc-ingest-test")
COMPACTOR = CompactorSettings(gap=timedelta(minutes=10), gap_pause=timedelta(0))
_numbers = itertools.count()


@pytest.fixture(scope="module")
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str) -> Iterator[httpx.Client]:
    with api_on(database_url, redis_url) as client:
        yield client


@pytest.fixture(scope="module")
def administrator(client: httpx.Client) -> Person:
    return person(client, Role.ADMINISTRATOR, is_superuser=True)


@pytest.fixture
def carrier(client: httpx.Client) -> Person:
    return person(client, Role.CARRIER)


def register(carrier: Person) -> str:
    uid = f"acc-{next(_numbers)}"
    answer = carrier.post("/api/v1/fleet/devices/", {"uid": uid, "kind": "tracker"})
    assert answer.status_code == 201, answer.text
    return uid


def pings(uid: str, *late_s: float, at: datetime = NOON) -> Message:
    bodies = [ping_body(to_us(at) - round(s * 1e6), 14.7, -17.4) for s in late_s]
    return Message(f"v1/devices/{uid}/pings", json.dumps(bodies).encode(), to_us(at))


def bad(uid: str, payload: bytes = b"{", at: datetime = NOON) -> Message:
    return Message(f"v1/devices/{uid}/pings", payload, to_us(at))


def send(connection: psycopg.Connection, *messages: Message) -> None:
    make_pipeline(connection, RULES).process(messages)


def fold(connection: psycopg.Connection) -> None:
    while compact(connection, COMPACTOR, NOON.date()):
        pass
    while count_gaps(connection, COMPACTOR):
        pass


def get(who: Person, path: str, **parameters: Any) -> list[dict[str, Any]]:
    """All pages of a list."""
    items: list[dict[str, Any]] = []
    while True:
        answer = who.get(f"{API}/{path}/", params=parameters)
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        if answer.json()["next_cursor"] is None:
            return items
        parameters["cursor"] = answer.json()["next_cursor"]


class TestAccounts:
    def test_they_add_up_before_and_after_folding(
        self, connection: psycopg.Connection, carrier: Person
    ) -> None:
        uid = register(carrier)
        send(connection, pings(uid, 1, 3, 3600), pings(uid, 1), bad(uid), bad(uid, b""))
        expected = {
            "device_uid": uid, "day": "2026-03-02", "received": 6, "stored": 3, "duplicate": 1, "late": 0,
            "rejected": 2, "rejected_by": {"malformed": 1, "payload_empty": 1},
            "lateness_mean_s": 1201.333, "lateness_p99_s": 3630.781, "gaps": 0, "gaps_counted_at": None,
        }  # fmt: skip
        assert get(carrier, "accounts") == [expected]
        fold(connection)
        (folded,) = get(carrier, "accounts")
        assert folded.pop("gaps_counted_at") is not None
        assert (folded.pop("gaps"), folded) == (
            1,
            {k: v for k, v in expected.items() if not k.startswith("gaps")},
        )
        send(connection, pings(uid, 5))
        (both,) = get(carrier, "accounts")
        assert (both["received"], both["stored"], both["gaps"]) == (7, 4, 1)

    def test_a_carrier_sees_its_own_devices_and_an_administrator_all(
        self, connection: psycopg.Connection, carrier: Person, client: httpx.Client, administrator: Person
    ) -> None:
        other = person(client, Role.CARRIER)
        mine, others = register(carrier), register(other)
        send(connection, pings(mine, 1), pings(others, 1), pings("nobody-knows-me", 1))
        assert {row["device_uid"] for row in get(carrier, "accounts")} == {mine}
        assert {row["device_uid"] for row in get(other, "accounts")} == {others}
        assert {mine, others, None} <= {row["device_uid"] for row in get(administrator, "accounts")}
        assert {row["device_uid"] for row in get(administrator, "accounts", device="-")} == {None}
        assert code_of(carrier.get(f"{API}/accounts/", params={"device": others})) == (
            404,
            "device_not_found",
        )
        assert code_of(carrier.get(f"{API}/accounts/", params={"device": "-"})) == (404, "device_not_found")

    @pytest.mark.parametrize("role", [Role.SHIPPER, Role.DRIVER, Role.BROKER])
    def test_others_may_not(self, client: httpx.Client, role: Role) -> None:
        who = person(client, role)
        for path in ("accounts", "dead-letters", "dead-letters/1"):
            assert code_of(who.get(f"{API}/{path}/")) == (403, "role_not_allowed")
        assert code_of(client.get(f"{API}/accounts/"))[0] == 401

    @pytest.mark.parametrize("folded", [0, 3, 6])
    def test_pages_over_days_and_devices_wherever_they_are_kept(
        self, connection: psycopg.Connection, carrier: Person, folded: int
    ) -> None:
        uids = [register(carrier) for _ in range(3)]
        for n in range(6):
            if n == folded:
                fold(connection)
            send(connection, *(pings(uid, 1, at=NOON + n * DAY) for uid in uids))
        # The third of the days once more, so that a day has both.
        send(connection, *(pings(uid, 2, at=NOON + 2 * DAY) for uid in uids))
        whole = get(carrier, "accounts")
        assert [row["day"] for row in whole] == [f"2026-03-0{day}" for day in range(7, 1, -1) for _ in uids]
        assert sum(row["stored"] for row in whole) == 21
        for limit in (1, 2, 4, 17):
            assert get(carrier, "accounts", limit=limit) == whole
        chosen = get(
            carrier, "accounts", device=uids[1], limit=1, **{"from": "2026-03-04", "to": "2026-03-05"}
        )
        assert [(row["device_uid"], row["day"]) for row in chosen] == [
            (uids[1], "2026-03-05"),
            (uids[1], "2026-03-04"),
        ]

    @pytest.mark.parametrize(
        ("parameters", "expected"),
        [
            ({"from": "2026-03-02", "to": "2026-03-01"}, (400, "invalid_range")),
            ({"from": "yesterday"}, (400, "invalid_parameter")),
            ({"cursor": "abc"}, (400, "invalid_cursor")),
            (
                {"cursor": base64.urlsafe_b64encode(b'["2026-02-30",1]').decode().rstrip("=")},
                (400, "invalid_cursor"),
            ),
            ({"device": "x" * 65}, (400, "invalid_parameter")),
        ],
    )
    def test_a_slip_is_told(
        self, carrier: Person, parameters: dict[str, str], expected: tuple[int, str]
    ) -> None:
        assert code_of(carrier.get(f"{API}/accounts/", params=parameters)) == expected


class TestLetters:
    def test_of_its_own_devices_alone(
        self, connection: psycopg.Connection, carrier: Person, client: httpx.Client, administrator: Person
    ) -> None:
        other = person(client, Role.CARRIER)
        mine, unknown = register(carrier), f"acc-{next(_numbers)}"
        send(connection, bad(mine), bad(unknown))
        (letter,) = get(carrier, "dead-letters")
        assert letter["device_uid"] == mine
        assert get(other, "dead-letters") == []
        seen = {row["device_uid"]: row["id"] for row in get(administrator, "dead-letters")}
        assert {mine, unknown} <= seen.keys()
        for who, letter_id in ((other, letter["id"]), (carrier, seen[unknown]), (carrier, 2**40)):
            assert code_of(who.get(f"{API}/dead-letters/{letter_id}/")) == (404, "letter_not_found")
        # Registering the name now does not make what somebody sent under it before one's own.
        assert carrier.post("/api/v1/fleet/devices/", {"uid": unknown, "kind": "tracker"}).status_code == 201
        assert code_of(carrier.get(f"{API}/dead-letters/{seen[unknown]}/")) == (404, "letter_not_found")
        assert administrator.get(f"{API}/dead-letters/{seen[unknown]}/").status_code == 200

    def test_what_a_letter_says(self, connection: psycopg.Connection, carrier: Person) -> None:
        uid = register(carrier)
        bodies = [ping_body(to_us(NOON), 95.0, -17.4), ping_body(to_us(NOON), 96.0, -17.4), {"t": 5}]
        payload = json.dumps(bodies).encode()
        send(connection, bad(uid, payload), bad(uid, b"\xff\x00", NOON + DAY))
        binary, text = get(carrier, "dead-letters")
        assert text["reasons"] == [
            {"reason": "latitude_out_of_range", "pings": 2},
            {"reason": "missing_field", "pings": 1},
        ]
        assert (text["payload_whole"], text["payload_bytes"], text["tries"]) == (True, len(payload), 0)
        assert "payload_text" not in text
        shown = carrier.get(f"{API}/dead-letters/{text['id']}/").json()
        assert (shown["payload_text"], base64.b64decode(shown["payload_base64"])) == (
            payload.decode(),
            payload,
        )
        assert [each["reason"] for each in shown["refusals"]] == ["latitude_out_of_range"] * 2 + [
            "missing_field"
        ]
        assert shown["received_at"] == "2026-03-02T12:00:00Z"
        shown = carrier.get(f"{API}/dead-letters/{binary['id']}/").json()
        assert (shown["payload_text"], base64.b64decode(shown["payload_base64"])) == (None, b"\xff\x00")

    def test_filters_and_pages(self, connection: psycopg.Connection, carrier: Person) -> None:
        uids = [register(carrier), register(carrier)]
        send(connection, *(bad(uids[n % 2], b"" if n % 3 else b"{", NOON + n * DAY) for n in range(6)))
        whole = get(carrier, "dead-letters")
        assert [row["received_at"][8:10] for row in whole] == ["07", "06", "05", "04", "03", "02"]
        for limit in (1, 4, 6):
            assert get(carrier, "dead-letters", limit=limit) == whole

        def days(**parameters: Any) -> list[int]:
            return [
                int(row["received_at"][8:10]) for row in get(carrier, "dead-letters", limit=2, **parameters)
            ]

        assert days(reason="malformed") == [5, 2]
        assert days(device=uids[1]) == [7, 5, 3]
        assert days(**{"from": "2026-03-03T12:00:00Z", "to": "2026-03-05T12:00:00Z"}) == [4, 3]
        connection.execute("UPDATE dead_letters SET replayed_at = now() WHERE id = %s", [whole[0]["id"]])
        assert days(waiting=False) == [7]
        assert days(waiting=True) == [6, 5, 4, 3, 2]
        assert days(reason="no-such-reason") == []
        same = {"from": "2026-03-03T12:00:00Z", "to": "2026-03-03T12:00:00Z"}
        assert code_of(carrier.get(f"{API}/dead-letters/", params=same)) == (400, "invalid_range")


class TestReplay:
    def test_asked_for_it_waits_for_ingest(
        self, connection: psycopg.Connection, carrier: Person, administrator: Person
    ) -> None:
        uid = f"acc-{next(_numbers)}"
        send(connection, pings(uid, 1, 2))
        letter_id = count(connection, "SELECT max(id) FROM dead_letters")
        path = f"{API}/dead-letters/{letter_id}/replay/"
        assert code_of(carrier.post(path)) == (403, "role_not_allowed")
        carrier.post("/api/v1/fleet/devices/", {"uid": uid, "kind": "tracker"})
        answer = administrator.post(path)
        assert answer.status_code == 202, answer.text
        asked_at = answer.json()["asked_at"]
        assert asked_at is not None
        assert administrator.post(path).json()["asked_at"] == asked_at
        # What a worker's bookkeeper does with the wish: tests/integration/ingest/test_bookkeeper.py.
        assert Replayer(connection, pipeline_settings(RULES)).play(letter_id).fate is Fate.PASSED
        shown = administrator.get(f"{API}/dead-letters/{letter_id}/").json()
        assert (shown["tries"], shown["asked_at"]) == (1, None)
        assert shown["outcome"] == {
            "messages": 1, "received": 2, "stored": 2, "duplicate": 0, "rejected": 0, "late": 0
        }  # fmt: skip
        assert code_of(administrator.post(path)) == (409, "letter_played")

    def test_what_cannot_be_played(self, connection: psycopg.Connection, administrator: Person) -> None:
        send(connection, bad("nobody", b"[" * 300_000))
        letter_id = count(connection, "SELECT max(id) FROM dead_letters")
        assert code_of(administrator.post(f"{API}/dead-letters/{letter_id}/replay/")) == (409, "letter_cut")
        assert code_of(administrator.post(f"{API}/dead-letters/{2**40}/replay/")) == (404, "letter_not_found")
