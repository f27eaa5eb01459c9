"""ingest and platform_api may not import each other, yet show one and the same ping."""

from datetime import UTC, datetime
from types import SimpleNamespace

from ingest.ping import Ping, normal_form, rfc3339
from platform_api.tracking import presenters, rules, times
from platform_api.tracking.schemas import PingOut


def test_live_filter_and_http_answer_have_the_keys_of_the_normal_form() -> None:
    keys = list(normal_form(Ping(time_us=0, lat=0.0, lon=0.0)))
    assert list(rules.PING_KEYS) == keys
    assert list(PingOut.model_fields) == [*keys, "device_uid", "source", "trusted"]


def test_a_stored_row_and_its_ping_read_the_same() -> None:
    ping = Ping(
        time_us=1_769_443_022_250_000,
        lat=14.7,
        lon=-17.4,
        speed_kmh=50.0,
        seq=7,
        alarms=("sos",),
        attributes={"x": 1},
    )
    shown = normal_form(ping)
    columns = {key: shown[key] for key in rules.PING_KEYS if key not in ("alarms", "attributes", "time")}
    row = SimpleNamespace(
        **columns,
        time=datetime.fromtimestamp(ping.time_us / 1e6, UTC),
        extra={"alarms": ["sos"], "attributes": {"x": 1}},
        device_uid="truck-1",
        source="tracker",
    )
    answer = PingOut.model_validate(presenters.ping_json(row, rules.ALL_KINDS)).model_dump(mode="json")  # type: ignore[arg-type]
    assert answer == shown | {"device_uid": "truck-1", "source": "tracker", "trusted": True}


def test_both_spell_times_alike() -> None:
    for time_us in (0, 1_769_443_022_000_000, 1_769_443_022_250_000, 1_769_443_022_000_001):
        time = datetime.fromtimestamp(time_us // 1_000_000, UTC).replace(microsecond=time_us % 1_000_000)
        assert times.rfc3339(time) == rfc3339(time_us)
