"""Whatever happens to the connection, every QoS 1 message is delivered in order until acknowledged."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from brokers.outbox import PACKET_IDS, Message, Outbox, OutboxLimits

ROOMY = OutboxLimits(max_inflight=3, max_waiting=1000, max_bytes=10**9)


def message(number: int, qos: int = 1) -> Message:
    return Message("t", b"%d" % number, qos)


def take_all(outbox: Outbox) -> list[tuple[bytes, int | None, bool]]:
    taken = []
    while (delivery := outbox.next()) is not None:
        taken.append((delivery.message.payload, delivery.packet_id, delivery.duplicate))
    return taken


def test_the_window_holds_and_an_ack_opens_it() -> None:
    outbox = Outbox(ROOMY)
    for number in range(5):
        outbox.offer(message(number), online=True)
    assert take_all(outbox) == [(b"0", 1, False), (b"1", 2, False), (b"2", 3, False)]
    assert outbox.acknowledged(2)
    assert not outbox.acknowledged(2)
    assert take_all(outbox) == [(b"3", 4, False)]


def test_a_reconnect_sends_what_is_in_flight_again_first() -> None:
    outbox = Outbox(ROOMY)
    for number in range(4):
        outbox.offer(message(number), online=True)
    take_all(outbox)
    outbox.acknowledged(1)
    outbox.disconnected()
    outbox.offer(message(4), online=False)
    outbox.reconnected()
    assert take_all(outbox) == [(b"1", 2, True), (b"2", 3, True), (b"3", 4, False)]


def test_qos_0_is_not_kept_for_an_absent_client() -> None:
    outbox = Outbox(ROOMY)
    outbox.offer(message(1, qos=0), online=True)
    outbox.offer(message(2), online=True)
    outbox.disconnected()
    outbox.offer(message(3, qos=0), online=False)
    outbox.reconnected()
    assert take_all(outbox) == [(b"2", 1, False)]


def test_the_oldest_waiting_is_dropped_and_counted_never_what_is_in_flight() -> None:
    outbox = Outbox(OutboxLimits(max_inflight=1, max_waiting=2, max_bytes=10**9))
    outbox.offer(message(0), online=True)
    outbox.next()
    for number in range(1, 5):
        outbox.offer(message(number), online=True)
    assert outbox.dropped == 2
    assert [m.payload for m in outbox.unacknowledged()] == [b"0", b"3", b"4"]


def test_bytes_are_limited_too() -> None:
    big = Message("t", b"x" * 1000, 1)
    outbox = Outbox(OutboxLimits(max_inflight=10, max_waiting=100, max_bytes=3 * big.size_bytes))
    for _ in range(5):
        outbox.offer(big, online=True)
    assert (outbox.waiting, outbox.dropped) == (3, 2)
    for delivery in iter(outbox.next, None):
        assert delivery.packet_id is not None
        outbox.acknowledged(delivery.packet_id)
    outbox.offer(big, online=True)
    assert (outbox.waiting, outbox.dropped) == (1, 2)


def test_packet_ids_wrap_around_those_in_flight() -> None:
    outbox = Outbox(ROOMY)
    outbox.offer(message(0), online=True)
    outbox.next()
    for number in range(1, PACKET_IDS):
        outbox.offer(message(number), online=True)
        delivery = outbox.next()
        assert delivery is not None
        assert delivery.packet_id is not None
        outbox.acknowledged(delivery.packet_id)
    outbox.offer(message(-1), online=True)
    assert take_all(outbox) == [(b"-1", 2, False)]


class Session(RuleBasedStateMachine):
    """Messages in, deliveries and acks out, connection coming and going; a model list says what is owed."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox(ROOMY)
        self.count = 0
        self.owed: list[bytes] = []
        self.seen: dict[int, bytes] = {}
        self.online = True

    @rule()
    def offer(self) -> None:
        self.outbox.offer(message(self.count), online=self.online)
        self.owed.append(b"%d" % self.count)
        self.count += 1

    @precondition(lambda self: self.online)
    @rule()
    def send(self) -> None:
        delivery = self.outbox.next()
        if delivery is not None:
            assert delivery.packet_id is not None
            assert delivery.duplicate is (delivery.packet_id in self.seen)
            self.seen[delivery.packet_id] = delivery.message.payload

    @precondition(lambda self: self.online and self.seen)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        packet_id = data.draw(st.sampled_from(sorted(self.seen)))
        assert self.outbox.acknowledged(packet_id)
        self.owed.remove(self.seen.pop(packet_id))

    @rule()
    def reconnect(self) -> None:
        self.outbox.disconnected()
        self.outbox.reconnected()

    @rule()
    def leave_or_return(self) -> None:
        self.online = not self.online
        if self.online:
            self.outbox.reconnected()
        else:
            self.outbox.disconnected()

    @invariant()
    def nothing_is_lost_or_reordered(self) -> None:
        assert [m.payload for m in self.outbox.unacknowledged()] == self.owed


TestSession = Session.TestCase
TestSession.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


@given(st.lists(st.integers(0, 1), max_size=30))
def test_order_is_kept_across_qos(all_qos: list[int]) -> None:
    outbox = Outbox(OutboxLimits(max_inflight=100, max_waiting=1000, max_bytes=10**9))
    for number, qos in enumerate(all_qos):
        outbox.offer(message(number, qos), online=True)
    assert [payload for payload, _, _ in take_all(outbox)] == [b"%d" % n for n in range(len(all_qos))]
