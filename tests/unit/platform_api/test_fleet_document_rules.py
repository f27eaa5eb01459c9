"""States of documents, when to remind, what blocks, and which licence is good for which truck."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.actor import Actor, Role
from platform_api.errors import Conflict, Forbidden, Invalid
from platform_api.fleet_documents import rules
from platform_api.fleet_documents.rules import DocumentState, LicenceClass, Paper, Required, Subject, Truck

TODAY = date(2026, 3, 1)


@pytest.mark.parametrize(
    ("days", "state"),
    [(-1, "expired"), (0, "expiring"), (30, "expiring"), (31, "valid"), (None, "valid")],
)
def test_a_document_is_valid_to_the_end_of_its_last_day(days: int | None, state: str) -> None:
    expires_on = None if days is None else TODAY + timedelta(days=days)
    assert rules.state_of(expires_on, TODAY) is DocumentState(state)


@pytest.mark.parametrize(
    ("days", "told"),
    [(31, []), (30, [30]), (8, [30]), (7, [30, 7]), (1, [30, 7, 1]), (0, [30, 7, 1]), (-1, [30, 7, 1, -1])],
)
def test_reminders_come_on_their_day(days: int, told: list[int]) -> None:
    assert rules.reached(TODAY + timedelta(days=days), TODAY) == told


@given(sweeps=st.lists(st.integers(-40, 10), min_size=1, max_size=30))
def test_whenever_somebody_looks_each_reminder_is_told_once_and_the_last_one_is_never_lost(
    sweeps: list[int],
) -> None:
    told: list[int] = []
    known: set[int] = set()
    for offset in sorted(sweeps):
        due = rules.reached(TODAY, TODAY + timedelta(days=offset))
        if due and due[-1] not in known:
            told.append(due[-1])
        known |= set(due)
    assert len(told) == len(set(told))
    assert told == sorted(told, reverse=True)
    assert (rules.EXPIRED in told) == (max(sweeps) > 0)


def paper(**changes: object) -> Paper:
    usual = {
        "kind": "ASSURANCE", "subject": Subject.VEHICLE, "expires": True, "is_licence": False, "issued_on": None,
        "expires_on": TODAY, "licence_classes": (),
    }  # fmt: skip
    return Paper(**{**usual, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"expires_on": None}, "fleet_document_expiry_missing"),
        ({"issued_on": TODAY + timedelta(days=1)}, "fleet_document_dates_invalid"),
        ({"issued_on": TODAY, "expires_on": TODAY - timedelta(days=1)}, "fleet_document_dates_invalid"),
        ({"expires_on": TODAY - timedelta(days=1)}, "fleet_document_already_expired"),
        ({"licence_classes": [LicenceClass.C]}, "licence_classes_misplaced"),
    ],
)
def test_what_a_document_may_not_say(changes: dict[str, object], code: str) -> None:
    rules.check_paper(paper(), about=Subject.VEHICLE, today=TODAY)
    with pytest.raises(Invalid) as refused:
        rules.check_paper(paper(**changes), about=Subject.VEHICLE, today=TODAY)
    assert refused.value.code == code


def test_a_licence_is_no_document_of_a_truck() -> None:
    with pytest.raises(Conflict) as refused:
        rules.check_paper(paper(), about=Subject.DRIVER, today=TODAY)
    assert refused.value.code == "fleet_document_kind_of_other_subject"


@pytest.mark.parametrize(("role", "about"), [(Role.SHIPPER, "driver"), (Role.DRIVER, "vehicle")])
def test_who_may_not_hand_documents_in(role: Role, about: str) -> None:
    with pytest.raises(Forbidden):
        rules.check_uploads(Actor(uuid4(), role), Subject(about))


def required(kind: str = "ASSURANCE", **changes: object) -> Required:
    usual = {
        "kind": kind, "subject": Subject.VEHICLE, "is_licence": False, "present": True, "expires_on": TODAY,
    }  # fmt: skip
    return Required(**{**usual, **changes})  # type: ignore[arg-type]


YESTERDAY = TODAY - timedelta(days=1)


@pytest.mark.parametrize(
    ("one", "code"),
    [
        (required(expires_on=YESTERDAY), "vehicle_documents_expired"),
        (required("PERMIS", subject=Subject.DRIVER, is_licence=True, expires_on=YESTERDAY), "driver_licence_expired"),
        (required("CNI", subject=Subject.DRIVER, expires_on=YESTERDAY), "driver_documents_expired"),
        (required(present=False, expires_on=None), "vehicle_documents_missing"),
        (required("CNI", subject=Subject.DRIVER, present=False, expires_on=None), "driver_documents_missing"),
    ],
)  # fmt: skip
def test_what_blocks_a_load(one: Required, code: str) -> None:
    with pytest.raises(Conflict) as refused:
        rules.check_assignable([required(), one], on=TODAY, missing_blocks=True)
    assert (refused.value.code, refused.value.values) == (code, {"kinds": one.kind})


def test_what_was_never_handed_in_blocks_only_where_it_is_asked_for() -> None:
    rules.check_assignable([required(present=False, expires_on=None)], on=TODAY, missing_blocks=False)


@pytest.mark.parametrize(
    ("truck", "good", "bad"),
    [
        (Truck(3_500, False), "B BE C CE", "A D F"),
        (Truck(3_501, False), "C CE", "B BE D"),
        (Truck(3_500, True), "BE CE", "B C"),
        (Truck(44_000, True), "CE", "B BE C DE"),
        (Truck(None, True), "CE", "C"),
        (Truck(None, False), "A B C", ""),
    ],
)
def test_which_licence_is_good_for_which_truck(truck: Truck, good: str, bad: str) -> None:
    assert all(rules.may_drive([LicenceClass(one)], truck) for one in good.split())
    assert not any(rules.may_drive([LicenceClass(one)], truck) for one in bad.split())
