"""Plates, drivers, and where a device's assignment fits, checked against brute force over hours."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.actor import Actor, Role
from platform_api.errors import Conflict, Forbidden, Invalid
from platform_api.fleet import rules
from platform_api.fleet.rules import DeviceKind, Span

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
# One hour more on either side, for spans without a bound.
HOURS = range(-1, 12)


def at(hour: int | None) -> datetime | None:
    return None if hour is None else NOW + timedelta(hours=hour)


@pytest.mark.parametrize("written", ["DK-1234-AB", "dk 1234 ab", " dk -1234- ab ", "ＤＫ-1234-AB"])
def test_one_plate_however_written(written: str) -> None:
    assert rules.normalise_plate(written) == "DK-1234-AB"


@pytest.mark.parametrize("written", ["", "-", "DK_1", "DK/1", "É-1", "A" * 21, "DK\x001"])
def test_what_is_no_plate_is_refused(written: str) -> None:
    with pytest.raises(Invalid, match="invalid_plate"):
        rules.normalise_plate(written)


def test_a_free_driver_may_join_and_join_again() -> None:
    carrier = uuid4()
    rules.check_joins(role=Role.DRIVER, disabled=False, carrier_id=None, carrier=carrier)
    rules.check_joins(role=Role.DRIVER, disabled=False, carrier_id=carrier, carrier=carrier)


@pytest.mark.parametrize(
    ("role", "disabled", "taken", "code"),
    [
        (Role.SHIPPER, False, False, "not_a_driver"),
        (Role.CARRIER, False, False, "not_a_driver"),
        (Role.DRIVER, True, False, "not_a_driver"),
        (Role.DRIVER, False, True, "driver_taken"),
    ],
)
def test_who_may_not_join(role: Role, disabled: bool, taken: bool, code: str) -> None:
    with pytest.raises(Conflict, match=code):
        rules.check_joins(
            role=role, disabled=disabled, carrier_id=uuid4() if taken else None, carrier=uuid4()
        )


def test_a_driver_may_leave_but_not_send_another_away() -> None:
    driver = Actor(uuid4(), Role.DRIVER)
    rules.check_leaves(driver, driver.user_id)
    rules.check_leaves(Actor(uuid4(), Role.CARRIER), driver.user_id)
    with pytest.raises(Forbidden):
        rules.check_leaves(driver, uuid4())


@pytest.mark.parametrize(
    ("kind", "has_driver", "disabled", "code"),
    [
        (DeviceKind.TRACKER, True, False, "not_a_phone"),
        (DeviceKind.PHONE, False, False, "device_without_driver"),
        (DeviceKind.PHONE, True, True, "device_disabled"),
    ],
)
def test_which_device_gets_no_token(kind: DeviceKind, has_driver: bool, disabled: bool, code: str) -> None:
    with pytest.raises(Conflict, match=code):
        rules.check_token(kind=kind, driver_id=uuid4() if has_driver else None, disabled=disabled)


def test_the_first_assignment_has_no_beginning_and_the_next_begins_now() -> None:
    first = rules.plan_assignment([], 1, valid_from=None, valid_to=None, end_current=False, now=NOW)
    assert first == rules.AssignmentPlan(None, None)
    past = Span(1, 1, None, at(-1))
    second = rules.plan_assignment([past], 2, valid_from=None, valid_to=None, end_current=False, now=NOW)
    assert second == rules.AssignmentPlan(NOW, None)


def test_a_move_ends_the_open_assignment_where_the_new_one_begins() -> None:
    current = Span(1, 1, None, None)
    plan = rules.plan_assignment([current], 2, valid_from=at(3), valid_to=None, end_current=True, now=NOW)
    assert plan == rules.AssignmentPlan(at(3), None, ends=current)


def test_a_move_to_before_the_open_assignment_overlaps_it() -> None:
    current = Span(1, 1, at(5), None)
    for start in (at(4), at(5)):
        with pytest.raises(Conflict, match="assignment_overlap"):
            rules.plan_assignment([current], 2, valid_from=start, valid_to=None, end_current=True, now=NOW)


@pytest.mark.parametrize("end_current", [False, True])
def test_assigning_again_to_the_same_vehicle_changes_nothing(end_current: bool) -> None:
    current = Span(1, 1, at(0), None)
    plan = rules.plan_assignment(
        [current], 1, valid_from=at(2), valid_to=None, end_current=end_current, now=NOW
    )
    assert plan.already is current
    assert plan.ends is None


def test_an_empty_period_is_refused() -> None:
    with pytest.raises(Invalid, match="invalid_period"):
        rules.plan_assignment([], 1, valid_from=at(2), valid_to=at(2), end_current=False, now=NOW)


def test_taking_a_device_out() -> None:
    current = Span(2, 1, at(0), None)
    spans = [Span(1, 9, None, at(0)), current]
    assert rules.plan_unassignment(spans, NOW + timedelta(hours=1)) is current
    with pytest.raises(Invalid, match="invalid_period"):
        rules.plan_unassignment(spans, NOW)
    with pytest.raises(Conflict, match="device_not_assigned"):
        rules.plan_unassignment(spans[:1], NOW)


def test_a_gateway_is_no_source() -> None:
    assert rules.DEFAULT_PRIORITIES[DeviceKind.TRACKER] < rules.DEFAULT_PRIORITIES[DeviceKind.PHONE]
    assert rules.DEFAULT_PRIORITIES.keys() == set(DeviceKind)
    for kind in (DeviceKind.TRACKER, DeviceKind.PHONE):
        rules.check_source(kind)
    with pytest.raises(Conflict, match="gateway_on_no_vehicle"):
        rules.check_source(DeviceKind.GATEWAY)


def test_the_vehicles_that_a_change_from_now_on_concerns() -> None:
    spans = [
        Span(1, 7, None, at(-1)),
        Span(2, 8, at(-1), NOW),
        Span(3, 6, at(1), at(2)),
        Span(4, 5, NOW, at(1)),
        Span(5, 6, at(3), None),
    ]
    assert rules.vehicles_from(spans, NOW) == [5, 6]


hour = st.none() | st.integers(0, 10)


@given(existing=st.tuples(hour, hour), wanted=st.tuples(st.integers(0, 10), hour))
def test_an_overlap_is_an_hour_that_both_contain(
    existing: tuple[int | None, int | None], wanted: tuple[int, int | None]
) -> None:
    def hours(start: int | None, end: int | None) -> set[int]:
        return {h for h in HOURS if (start is None or start <= h) and (end is None or h < end)}

    if existing[0] is not None and existing[1] is not None and existing[1] <= existing[0]:
        return
    if wanted[1] is not None and wanted[1] <= wanted[0]:
        return
    span = Span(1, 1, at(existing[0]), at(existing[1]))

    def plan() -> rules.AssignmentPlan:
        return rules.plan_assignment(
            [span], 2, valid_from=at(wanted[0]), valid_to=at(wanted[1]), end_current=False, now=NOW
        )

    if hours(*existing) & hours(*wanted):
        with pytest.raises(Conflict, match="assignment_overlap"):
            plan()
    else:
        assert plan() == rules.AssignmentPlan(at(wanted[0]), at(wanted[1]))
