"""Who may command what, when it is sent, and what an answer makes of it, with plain values."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.actor import Actor, Role
from platform_api.commands import rules
from platform_api.commands.rules import Answer, End, Limits, Link, Send, Snapshot, VehicleNow, Wait
from platform_api.commands.states import TRANSITIONS, WAITING_FOR, CommandState, Kind, Waiting
from platform_api.errors import PlatformError

S = CommandState
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SENDER, SECOND_PERSON = UUID(int=1), UUID(int=2)
LIMITS = Limits(answer=60 * SECOND, attempts=5, fresh=120 * SECOND, approval=900 * SECOND)
LINK = Link(online=True, last_seen_at=NOW, can=True, answers=True, vehicle_id=7)
STANDS = VehicleNow(time=NOW - 10 * SECOND, speed_kmh=0.0, motion="stopped")


def command(kind: Kind = Kind.POSITION_NOW, state: CommandState = S.QUEUED, **changes: Any) -> Snapshot:
    plain = Snapshot(
        id=uuid4(),
        kind=kind,
        state=state,
        created_by=SENDER,
        created_at=NOW - 60 * SECOND,
        expires_at=NOW + 3600 * SECOND,
        vehicle_id=7,
    )
    return replace(plain, **changes)


def sent(kind: Kind = Kind.POSITION_NOW, ago_s: float = 10, attempts: int = 1, **changes: Any) -> Snapshot:
    at = NOW - ago_s * SECOND
    due = rules.answer_due(at, attempts, LIMITS)
    return command(kind, S.SENT, sent_at=at, attempts=attempts, next_attempt_at=due, **changes)


def stop(**changes: Any) -> Snapshot:
    return command(Kind.ENGINE_STOP, approved_by=SECOND_PERSON, approved_at=NOW - SECOND, **changes)


def decide(
    it: Snapshot, link: Link = LINK, vehicle: VehicleNow | None = STANDS, now: datetime = NOW
) -> rules.Decision:
    return rules.decide(it, link, vehicle, now, LIMITS)


def code_of(act: Any, *arguments: Any, **named: Any) -> str:
    with pytest.raises(PlatformError) as caught:
        act(*arguments, **named)
    return caught.value.code


# Sending ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.POSITION_NOW, Kind.REPORTING_INTERVAL, Kind.ENGINE_RESUME])
def test_a_queued_command_goes_out_as_soon_as_the_device_is_online(kind: Kind) -> None:
    assert decide(command(kind)) == Send()
    assert decide(command(kind), replace(LINK, online=False)) == Wait(Waiting.DEVICE_AWAY)


@pytest.mark.parametrize("kind", [Kind.POSITION_NOW, Kind.REPORTING_INTERVAL, Kind.ENGINE_RESUME])
def test_other_commands_do_not_mind_a_moving_vehicle(kind: Kind) -> None:
    assert decide(command(kind), vehicle=replace(STANDS, speed_kmh=80.0, motion="moving")) == Send()
    assert decide(command(kind), vehicle=None) == Send()


def test_an_engine_stop_needs_two_people_first_of_all() -> None:
    alone = command(Kind.ENGINE_STOP)
    assert decide(alone) == Wait(Waiting.APPROVAL)
    assert decide(alone, replace(LINK, online=False)) == Wait(Waiting.APPROVAL)
    assert decide(stop()) == Send()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"speed_kmh": 5.0}, Waiting.VEHICLE_MOVING),
        ({"speed_kmh": 4.9}, None),
        ({"motion": "moving"}, Waiting.VEHICLE_MOVING),
        ({"motion": "parked"}, None),
        ({"motion": None}, Waiting.POSITION_UNKNOWN),
        ({"speed_kmh": None}, Waiting.POSITION_UNKNOWN),
        ({"time": None}, Waiting.POSITION_UNKNOWN),
        ({"time": NOW - 120 * SECOND}, None),
        ({"time": NOW - 121 * SECOND}, Waiting.POSITION_UNKNOWN),
        ({"time": NOW + 121 * SECOND}, Waiting.POSITION_UNKNOWN),  # a clock of the future proves nothing
        ({"mock": True}, Waiting.POSITION_UNKNOWN),
    ],
)
def test_an_engine_is_stopped_only_while_the_vehicle_is_known_to_stand(
    changes: dict[str, Any], reason: Waiting | None
) -> None:
    vehicle = replace(STANDS, **changes)
    assert decide(stop(), vehicle=vehicle) == (Send() if reason is None else Wait(reason))


def test_a_vehicle_nobody_knows_is_not_known_to_stand() -> None:
    assert decide(stop(), vehicle=None) == Wait(Waiting.POSITION_UNKNOWN)


def test_a_repeat_of_an_engine_stop_is_judged_like_the_first() -> None:
    again = sent(Kind.ENGINE_STOP, ago_s=61, approved_by=SECOND_PERSON, approved_at=NOW - SECOND)
    assert decide(again) == Send()
    assert decide(again, vehicle=replace(STANDS, motion="moving")) == Wait(Waiting.VEHICLE_MOVING)
    assert decide(replace(again, approved_by=None, approved_at=None)) == Wait(Waiting.APPROVAL)


@given(
    speed_kmh=st.none() | st.floats(0, 200),
    motion=st.sampled_from([None, "moving", "stopped", "parked"]),
    age_s=st.integers(-1000, 1000),
    mock=st.booleans(),
    approved=st.booleans(),
    online=st.booleans(),
)
def test_no_engine_is_stopped_unless_everything_is_right(
    speed_kmh: float | None, motion: str | None, age_s: int, mock: bool, approved: bool, online: bool
) -> None:
    vehicle = VehicleNow(NOW - age_s * SECOND, speed_kmh, motion, mock)
    it = stop() if approved else command(Kind.ENGINE_STOP)
    right = approved and online and not mock and abs(age_s) <= 120
    right = right and speed_kmh is not None and speed_kmh < 5 and motion in ("stopped", "parked")
    assert (decide(it, replace(LINK, online=online), vehicle) == Send()) is right


def test_an_engine_of_another_vehicle_is_left_alone() -> None:
    assert decide(stop(vehicle_id=8)) == End(S.FAILED, rules.VEHICLE_CHANGED)
    assert decide(command(Kind.ENGINE_RESUME, vehicle_id=8)) == End(S.FAILED, rules.VEHICLE_CHANGED)
    assert decide(command(Kind.POSITION_NOW, vehicle_id=8)) == Send()


def test_a_device_that_now_speaks_another_format() -> None:
    assert decide(command(), replace(LINK, can=False)) == End(S.FAILED, rules.FORMAT_CHANGED)
    assert decide(sent(), replace(LINK, can=False)) is None  # it was sent in the old one


def test_without_numbers_one_answer_is_awaited_at_a_time() -> None:
    assert decide(command(), replace(LINK, busy=True)) == Wait(Waiting.EARLIER_COMMAND)


def test_nobody_else_touches_what_is_being_sent() -> None:
    assert decide(command(claimed_at=NOW - 59 * SECOND)) is None
    assert decide(command(claimed_at=NOW - 60 * SECOND)) == Send()  # whoever did that is dead


def test_a_pause_after_the_broker_was_away() -> None:
    assert decide(command(next_attempt_at=NOW + SECOND)) is None
    assert decide(command(next_attempt_at=NOW)) == Send()


# Repeats and ends -----------------------------------------------------------------


def test_an_unanswered_command_is_sent_again_with_longer_and_longer_pauses() -> None:
    assert decide(sent(ago_s=59)) is None
    assert decide(sent(ago_s=60)) == Send()
    assert decide(sent(ago_s=119, attempts=2)) is None
    assert decide(sent(ago_s=120, attempts=2)) == Send()
    assert decide(sent(ago_s=60), replace(LINK, online=False)) == Wait(Waiting.DEVICE_AWAY)


def test_after_the_last_attempt_it_has_failed() -> None:
    last = sent(ago_s=959, attempts=5)
    assert decide(last) is None
    assert decide(last, now=NOW + SECOND) == End(S.FAILED, rules.NO_ANSWER)


@pytest.mark.parametrize(
    ("state", "result"), [(S.QUEUED, ""), (S.SENT, rules.NO_ANSWER), (S.DELIVERED, rules.NO_ANSWER)]
)
def test_expiry(state: CommandState, result: str) -> None:
    it = command(state=state, expires_at=NOW, sent_at=NOW - 10 * SECOND, attempts=1)
    assert decide(it) == End(S.EXPIRED, result)
    assert decide(it, now=NOW - SECOND) != End(S.EXPIRED, result)


def test_what_ended_stays_as_it_is() -> None:
    for state in (S.ACKNOWLEDGED, S.FAILED, S.EXPIRED, S.CANCELLED, S.SUPERSEDED):
        assert decide(command(state=state, expires_at=NOW - SECOND)) is None


def test_without_an_answer_a_later_sign_of_life_must_do() -> None:
    mute = replace(LINK, answers=False)
    it = sent(Kind.REPORTING_INTERVAL, ago_s=100)
    late, early = it.sent_at, it.sent_at
    assert late is not None
    assert early is not None
    assert decide(it, replace(mute, last_seen_at=late + 5 * SECOND)) == End(S.DELIVERED, rules.PRESUMED)
    assert decide(it, replace(mute, last_seen_at=early + 4 * SECOND)) is None  # and it is not sent again
    assert decide(it, replace(LINK, last_seen_at=late + 5 * SECOND)) == Send()  # who can answer has to


# Answers ------------------------------------------------------------------------

DONE, NOT_DONE, RECEIPT = Answer(False, True, ""), Answer(False, False, ""), Answer(True, True, "")


@pytest.mark.parametrize(
    ("it", "answer", "state"),
    [
        (sent(), RECEIPT, S.DELIVERED),
        (sent(), DONE, S.ACKNOWLEDGED),
        (sent(), NOT_DONE, S.FAILED),
        (command(state=S.DELIVERED, attempts=1), DONE, S.ACKNOWLEDGED),
        (command(state=S.DELIVERED, attempts=1), NOT_DONE, S.FAILED),
        (command(state=S.DELIVERED, attempts=1), RECEIPT, None),
        # faster than the task that sent it
        (command(claimed_at=NOW), DONE, S.ACKNOWLEDGED),
        (command(claimed_at=NOW), RECEIPT, S.DELIVERED),
        # nobody sent it: the device makes it up
        (command(), DONE, None),
        (command(), RECEIPT, None),
        # we had given it up: the device knows better
        (command(state=S.EXPIRED, attempts=1), DONE, S.ACKNOWLEDGED),
        (command(state=S.EXPIRED, attempts=1), NOT_DONE, S.FAILED),
        (command(state=S.EXPIRED, attempts=1), RECEIPT, None),
        (command(state=S.EXPIRED), DONE, None),
        (command(state=S.FAILED, attempts=5, result=rules.NO_ANSWER), DONE, S.ACKNOWLEDGED),
        (command(state=S.FAILED, attempts=1, result="moving"), DONE, None),
        (command(state=S.ACKNOWLEDGED, attempts=1), NOT_DONE, None),
        (command(state=S.CANCELLED), DONE, None),
        (command(state=S.SUPERSEDED, attempts=1), DONE, None),
    ],
)
def test_answers(it: Snapshot, answer: Answer, state: CommandState | None) -> None:
    assert rules.on_answer(it, answer) is state
    if state is not None and it.state is not S.QUEUED:
        assert state in TRANSITIONS[it.state]


# People -------------------------------------------------------------------------

CARRIER = Actor(SENDER, Role.CARRIER, carrier_id=SENDER)
ADMINISTRATOR = Actor(SECOND_PERSON, Role.ADMINISTRATOR)


@pytest.mark.parametrize("role", [Role.SHIPPER, Role.DRIVER, Role.BROKER])
def test_who_may_not_command(role: Role) -> None:
    assert code_of(rules.check_may_command, Actor(SENDER, role)) == "role_not_allowed"
    assert code_of(rules.approve, stop(), Actor(SENDER, role), NOW) == "role_not_allowed"
    assert code_of(rules.cancel, command(), Actor(SENDER, role), NOW) == "role_not_allowed"


def test_approval() -> None:
    asked = command(Kind.ENGINE_STOP)
    assert rules.approve(asked, ADMINISTRATOR, NOW) is True
    assert code_of(rules.approve, asked, CARRIER, NOW) == "same_person"
    assert code_of(rules.approve, command(), ADMINISTRATOR, NOW) == "approval_not_needed"
    assert rules.approve(stop(), ADMINISTRATOR, NOW) is False
    third = Actor(UUID(int=3), Role.ADMINISTRATOR)
    assert code_of(rules.approve, stop(), third, NOW) == "already_approved"
    for state in (S.CANCELLED, S.EXPIRED, S.FAILED, S.ACKNOWLEDGED):
        over = replace(asked, state=state)
        assert code_of(rules.approve, over, ADMINISTRATOR, NOW) == "command_not_open"
    over = replace(asked, expires_at=NOW)
    assert code_of(rules.approve, over, ADMINISTRATOR, NOW) == "command_not_open"


def test_an_approval_does_not_hold_for_ever() -> None:
    it = stop(created_by=SENDER)
    assert not rules.approval_lapsed(it, NOW + 898 * SECOND, LIMITS)
    assert rules.approval_lapsed(it, NOW + 899 * SECOND, LIMITS)
    assert not rules.approval_lapsed(command(Kind.ENGINE_STOP), NOW, LIMITS)


def test_cancelling() -> None:
    assert rules.cancel(command(), CARRIER, NOW) is True
    assert rules.cancel(command(), ADMINISTRATOR, NOW) is True
    assert rules.cancel(command(state=S.CANCELLED), CARRIER, NOW) is False
    assert code_of(rules.cancel, sent(), CARRIER, NOW) == "command_not_queued"
    assert code_of(rules.cancel, command(claimed_at=NOW), CARRIER, NOW) == "command_not_queued"


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        (Kind.REPORTING_INTERVAL, {}),
        (Kind.REPORTING_INTERVAL, {"seconds": 4}),
        (Kind.REPORTING_INTERVAL, {"seconds": 86_401}),
        (Kind.REPORTING_INTERVAL, {"seconds": "30"}),
        (Kind.REPORTING_INTERVAL, {"seconds": True}),
        (Kind.REPORTING_INTERVAL, {"seconds": 30.0}),
        (Kind.REPORTING_INTERVAL, {"seconds": 30, "minutes": 1}),
        (Kind.POSITION_NOW, {"seconds": 30}),
        (Kind.ENGINE_STOP, {"force": True}),
    ],
)
def test_bad_parameters(kind: Kind, parameters: dict[str, Any]) -> None:
    assert code_of(rules.check_parameters, kind, parameters) == "invalid_parameters"


def test_good_parameters() -> None:
    for seconds in (5, 86_400):
        assert rules.check_parameters(Kind.REPORTING_INTERVAL, {"seconds": seconds}) == {"seconds": seconds}
    assert rules.check_parameters(Kind.ENGINE_STOP, {}) == {}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"disabled": True}, "device_disabled"),
        ({"downlink": None, "can": False}, "device_unreachable"),
        ({"can": False}, "command_unsupported"),
        ({"vehicle_id": None}, "device_not_assigned"),
        ({"open_stop": True}, "engine_stop_open"),
    ],
)
def test_what_cannot_be_commanded(changes: dict[str, Any], code: str) -> None:
    good: dict[str, Any] = {
        "disabled": False, "downlink": "native", "can": True, "vehicle_id": 7, "open_stop": False,
    }  # fmt: skip
    rules.check_new(Kind.ENGINE_STOP, **good)
    assert code_of(rules.check_new, Kind.ENGINE_STOP, **good | changes) == code


def test_a_position_needs_no_vehicle() -> None:
    rules.check_new(
        Kind.POSITION_NOW, disabled=False, downlink="native", can=True, vehicle_id=None, open_stop=True
    )


@pytest.mark.parametrize("state", [S.QUEUED, S.SENT, S.DELIVERED])
def test_the_last_wish_counts(state: CommandState) -> None:
    pairs = {(new, old) for new in Kind for old in Kind if rules.supersedes(new, command(old, state))}
    expected = {
        (Kind.POSITION_NOW, Kind.POSITION_NOW),
        (Kind.REPORTING_INTERVAL, Kind.REPORTING_INTERVAL),
        (Kind.ENGINE_RESUME, Kind.ENGINE_STOP),
        (Kind.ENGINE_RESUME, Kind.ENGINE_RESUME),
        (Kind.ENGINE_STOP, Kind.ENGINE_RESUME),
    }
    assert pairs == (set() if state is S.DELIVERED else expected)


def test_every_reason_to_wait_has_words() -> None:
    assert set(WAITING_FOR) == set(Waiting)
    assert set(TRANSITIONS) == set(S)
