"""The outbox forgets what is acknowledged, nothing else, and remembers across processes."""

from pathlib import Path

import pytest

from simulator.fix import Fix
from simulator.outbox import COMPACT_AFTER_LINES, Outbox, OutboxFullError


def fixes(*seqs: int) -> list[Fix]:
    return [Fix(time_us=seq * 1_000_000, lon=-17.0, lat=14.0, ignition=True, seq=seq) for seq in seqs]


def seqs(kept: list[Fix]) -> list[int]:
    return [fix.seq for fix in kept]


def test_acks_by_number_and_by_range() -> None:
    outbox = Outbox()
    assert outbox.add(fixes(*range(1, 21))) == 20
    assert outbox.acknowledge(5) == 5
    assert outbox.acknowledge(5, [(8, 9), (15, 15)]) == 3
    assert outbox.acknowledge(None, [(8, 9)]) == 0
    assert seqs(outbox.all()) == [6, 7, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20]
    assert outbox.acknowledge(None, [(0, 2**62)]) == 12
    assert not len(outbox)


def test_a_repetition_of_what_is_acknowledged_is_not_kept_again() -> None:
    outbox = Outbox()
    outbox.add(fixes(1, 2))
    outbox.acknowledge(1)
    assert outbox.add(fixes(1, 2, 3)) == 1
    assert seqs(outbox.all()) == [2, 3]


def test_full_is_all_or_nothing() -> None:
    outbox = Outbox(capacity=3)
    outbox.add(fixes(1, 2))
    with pytest.raises(OutboxFullError):
        outbox.add(fixes(3, 4))
    assert seqs(outbox.all()) == [1, 2]
    outbox.acknowledge(1)
    assert outbox.add(fixes(3, 4)) == 2
    with pytest.raises(ValueError, match="never fit"):
        outbox.add(fixes(5, 6, 7, 8))


def test_a_ping_without_number_is_refused() -> None:
    with pytest.raises(ValueError, match="sequence number"):
        Outbox().add(fixes(0))


def test_only_what_the_broker_took_can_be_overdue() -> None:
    outbox = Outbox()
    outbox.add(fixes(1, 2, 3))
    assert outbox.overdue(1e9) == []
    outbox.mark_sent([3, 1, 99], 10.0)
    assert seqs(outbox.overdue(10.5)) == [1, 3]
    assert outbox.overdue(10.0) == []
    outbox.mark_sent([1], None)
    assert seqs(outbox.overdue(10.5)) == [3]


def test_the_file_remembers_what_is_kept_and_the_last_number(tmp_path: Path) -> None:
    path = tmp_path / "outbox"
    first = Outbox(path=path)
    first.add(fixes(1, 2, 3))
    first.acknowledge(None, [(3, 3)])
    # Not closed: the process was killed, in the middle of a line.
    with path.open("a") as journal:
        journal.write('{"keep": {"time_us": 4')
    second = Outbox(path=path)
    assert second.all() == fixes(1, 2)
    assert second.last_seq == 3
    second.close()
    first.close()


def test_the_file_does_not_grow_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "outbox"
    outbox = Outbox(path=path)
    for seq in range(1, COMPACT_AFTER_LINES + 10):
        outbox.add(fixes(seq))
        outbox.acknowledge(seq)
    outbox.close()
    assert len(path.read_text().splitlines()) < COMPACT_AFTER_LINES
