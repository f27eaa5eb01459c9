import pytest

from platform_api.tracking.outbox import Message, Outbox, Overflow


def drain(outbox: Outbox) -> list[Message]:
    messages = []
    while (message := outbox.pop()) is not None:
        messages.append(message)
    return messages


def ping(number: int) -> Message:
    return {"type": "ping", "n": number}


def interval(number: int) -> Message:
    return {"type": "interval", "n": number}


def event(number: int) -> Message:
    return {"type": "order", "n": number}


def test_first_in_first_out_across_kinds() -> None:
    outbox = Outbox()
    outbox.add_ping(ping(1))
    outbox.add_event(event(2))
    outbox.add_ping(ping(3))
    outbox.add_interval(interval(4))
    outbox.add_event(event(5))
    outbox.add_interval(interval(6))
    outbox.add_ping(ping(7))
    assert [message["n"] for message in drain(outbox)] == [1, 2, 3, 4, 5, 6, 7]
    assert len(outbox) == 0


def test_the_oldest_pings_go_and_are_counted_where_they_were() -> None:
    outbox = Outbox(max_pings=2)
    outbox.add_event(event(0))
    for number in range(1, 6):
        outbox.add_ping(ping(number))
    assert drain(outbox) == [event(0), {"type": "dropped", "count": 3}, ping(4), ping(5)]
    outbox.add_ping(ping(6))
    assert drain(outbox) == [ping(6)]


def test_events_are_never_dropped_for_pings() -> None:
    outbox = Outbox(max_pings=1, max_events=3)
    for number in range(3):
        outbox.add_event(event(number))
        outbox.add_ping(ping(number))
        outbox.add_ping(ping(number))
    assert [message for message in drain(outbox) if message["type"] == "order"] == [
        event(n) for n in range(3)
    ]


def test_too_many_unread_events_is_an_overflow() -> None:
    outbox = Outbox(max_events=2)
    outbox.add_event(event(1))
    outbox.add_event(event(2))
    with pytest.raises(Overflow):
        outbox.add_event(event(3))


def test_what_is_forgotten_of_the_truck_is_gone_and_events_stay() -> None:
    outbox = Outbox()
    outbox.add_ping(ping(1))
    outbox.add_event(event(2))
    outbox.add_interval(interval(3))
    outbox.forget_truck()
    assert drain(outbox) == [event(2)]


def test_too_many_intervals_are_forgotten_together() -> None:
    outbox = Outbox(max_intervals=2)
    outbox.add_event(event(0))
    assert [outbox.add_interval(interval(number)) for number in (1, 2, 3)] == [True, True, False]
    outbox.add_ping(ping(4))
    assert outbox.add_interval(interval(5))
    assert len(outbox) == 3
    assert drain(outbox) == [event(0), ping(4), interval(5)]
