"""Who may have whose data copied or erased, and what an erasure leaves of an order's history."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.actor import Actor, Role
from platform_api.csv_cells import cells
from platform_api.errors import Conflict, Forbidden, Invalid, PlatformError, TooMany
from platform_api.privacy import rules
from platform_api.privacy.rules import ErasureSnapshot, ErasureState, ExportState, PhoneSpan

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DRIVER = Actor(uuid4(), Role.DRIVER)


def test_whose_data_is_meant() -> None:
    other = uuid4()
    assert rules.subject_of(DRIVER, None) == rules.subject_of(DRIVER, DRIVER.user_id) == DRIVER.user_id
    for administrator in (Actor(uuid4(), Role.ADMINISTRATOR), Actor(uuid4(), Role.BROKER, is_superuser=True)):
        assert rules.subject_of(administrator, other) == other
        with pytest.raises(Invalid, match="subject_missing"):
            rules.subject_of(administrator, None)
    with pytest.raises(Forbidden, match="role_not_allowed"):
        rules.subject_of(DRIVER, other)
    for role in (Role.CARRIER, Role.SHIPPER, Role.BROKER):
        someone = Actor(uuid4(), role)
        assert rules.subject_of(someone, None) == someone.user_id
        with pytest.raises(Forbidden, match="role_not_allowed"):
            rules.subject_of(someone, other)


def test_nobody_twice_and_no_administrator() -> None:
    rules.check_subject(phone="+221770000001")
    phone, name = rules.pseudonym(DRIVER.user_id, Role.DRIVER)
    with pytest.raises(Conflict, match="already_erased"):
        rules.check_subject(phone=phone)
    assert rules.pseudonym(uuid4(), Role.DRIVER) != (phone, name)
    for role in (Role.SHIPPER, Role.CARRIER, Role.BROKER, Role.DRIVER):
        rules.check_erasable(role, is_superuser=False)
    for role, is_superuser in ((Role.ADMINISTRATOR, False), (Role.SHIPPER, True)):
        with pytest.raises(Conflict, match="administrator_stays"):
            rules.check_erasable(role, is_superuser=is_superuser)


@pytest.mark.parametrize(
    ("held", "code"),
    [((), None), (("bids", "orders"), "order_under_way"), (("members",), "own_business_open")],
)
def test_what_keeps_somebody_from_being_erased(held: tuple[str, ...], code: str | None) -> None:
    assert rules.reason_of(held) == code
    if code is None:
        rules.check_nothing_open(held)
    else:
        with pytest.raises(Conflict, match=code):
            rules.check_nothing_open(held)


def test_a_copy_can_be_had_while_it_is_ready() -> None:
    rules.check_download(ExportState.READY)
    for state, code in (
        (ExportState.QUEUED, "export_not_ready"),
        (ExportState.RUNNING, "export_not_ready"),
        (ExportState.FAILED, "export_failed"),
        (ExportState.DELETED, "export_deleted"),
    ):
        with pytest.raises(Conflict, match=code):
            rules.check_download(state)
    rules.check_exports(rules.EXPORTS_A_DAY - 1)
    with pytest.raises(TooMany, match="too_many_exports"):
        rules.check_exports(rules.EXPORTS_A_DAY)


def erasure(state: ErasureState = ErasureState.ASKED) -> ErasureSnapshot:
    return ErasureSnapshot(state, rules.hash_code("code"), NOW - HOUR)


def test_an_erasure_is_confirmed_once_with_its_code() -> None:
    assert rules.confirm(erasure(), "code", held=(), now=NOW)
    for state in (ErasureState.WAITING, ErasureState.RUNNING):
        assert not rules.confirm(erasure(state), "code", held=(), now=NOW)


@pytest.mark.parametrize(
    ("state", "code", "orders", "hours", "error"),
    [
        (ErasureState.ASKED, "c0de", 0, 0, "wrong_code"),
        (ErasureState.ASKED, "", 0, 0, "wrong_code"),
        (ErasureState.ASKED, "code", 0, 23, "confirmation_expired"),
        (ErasureState.ASKED, "code", 1, 0, "order_under_way"),
        (ErasureState.WITHDRAWN, "code", 0, 0, "erasure_not_open"),
        (ErasureState.LAPSED, "code", 0, 0, "erasure_not_open"),
        (ErasureState.DONE, "code", 0, 0, "erasure_not_open"),
    ],
)
def test_what_is_not_confirmed(state: ErasureState, code: str, orders: int, hours: int, error: str) -> None:
    with pytest.raises(PlatformError, match=error):
        rules.confirm(erasure(state), code, held=["orders"] * orders, now=NOW + hours * HOUR)


def test_thinking_better_of_it() -> None:
    assert rules.withdraw(ErasureState.ASKED)
    assert rules.withdraw(ErasureState.WAITING)
    assert not rules.withdraw(ErasureState.WITHDRAWN)
    for state in (ErasureState.RUNNING, ErasureState.DONE):
        with pytest.raises(Conflict, match="erasure_begun"):
            rules.withdraw(state)


def ping(device: int, hour: float, lat: float | None = 14.7) -> dict[str, object]:
    return {
        "device_id": device,
        "time": (NOW + hour * HOUR).isoformat(),
        "lat": lat,
        "lon": -17.4,
        "accuracy_m": 8.0,
    }


@given(
    st.lists(st.tuples(st.sampled_from([1, 2, 3]), st.integers(-5, 5)), max_size=6),
    st.lists(
        st.tuples(st.sampled_from([1, 2]), st.none() | st.integers(-5, 5), st.none() | st.integers(-5, 5)),
        max_size=3,
    ),
    st.booleans(),
)
def test_evidence_loses_his_positions_and_nothing_else(
    pings: list[tuple[int, int]], owned: list[tuple[int, int | None, int | None]], by_him: bool
) -> None:
    def moment(hour: int | None) -> datetime | None:
        return None if hour is None else NOW + hour * HOUR

    spans = [PhoneSpan(device, moment(a), moment(b)) for device, a, b in owned]
    evidence = {
        "pings": [ping(*each) for each in pings],
        "stay_s": 600.0,
        "lat": 14.71,
        "lon": -17.41,
        "accuracy_m": None,
        "receiver_name": "Ousmane",
        "distance_m": 12.5,
    }
    left = rules.scrub_evidence(evidence, spans, by_him=by_him)
    his = [
        any(d == device and (a is None or a <= hour) and (b is None or hour < b) for d, a, b in owned)
        for device, hour in pings
    ]
    assert (left is None) == (not by_him and not any(his))
    if left is None:
        return
    assert [p["lat"] is None for p in left["pings"]] == his
    assert [(p["device_id"], p["time"]) for p in left["pings"]] == [
        (p["device_id"], p["time"])
        for p in evidence["pings"]  # type: ignore[attr-defined]
    ]
    assert left["lat"] == (None if by_him else 14.71)
    kept = ("stay_s", "receiver_name", "distance_m")
    assert {key: left[key] for key in kept} == {key: evidence[key] for key in kept}
    # Again there is nothing to do.
    again = rules.scrub_evidence(left, spans, by_him=by_him)
    assert again is None or again == left


def test_evidence_of_other_forms_is_left_alone() -> None:
    for evidence in (
        {},
        {"bid_id": "x", "amount_xof": 5},
        {"pings": None},
        {"pings": ["x", {"device_id": 1}]},
    ):
        assert rules.scrub_evidence(evidence, [PhoneSpan(1, None, None)], by_him=True) is None


def test_cells_of_a_spreadsheet() -> None:
    key = UUID(int=1)
    row = [
        None,
        1.5,
        -17.4,
        True,
        NOW,
        key,
        {"a": NOW},
        "riz",
        "=1+1",
        "+221",
        "-x",
        "@x",
        "\tx",
        'a"b',
        "\n=1",
        "\uff1d1",
    ]
    assert cells(row) == [
        "", "1.5", "-17.4", "true", "2026-03-01T12:00:00Z", str(key), '{"a": "2026-03-01T12:00:00Z"}', "riz",
        "'=1+1", "'+221", "'-x", "'@x", "'\tx", 'a"b', "'\n=1", "'\uff1d1",
    ]  # fmt: skip
