"""What a crew's statements come to, in whatever order they arrive."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.device_clock import MAX_CLOCK_AHEAD
from platform_api.execution.reckoning import (
    ANSWER_WITHIN,
    APPLIED,
    KEPT,
    CodeVerdict,
    Judgement,
    Kind,
    Proof,
    Reckoning,
    Situation,
    Statement,
    Verdict,
    loading_flags,
    proof_flags,
    reckon,
)
from platform_api.orders.rules import OrderStatus

S = OrderStatus
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ASSIGNED = NOW - timedelta(hours=10)
DRIVER, CARRIER = UUID(int=1), UUID(int=2)
CREW = 5
WAITING = Situation(S.ASSIGNED, ASSIGNED, CREW, ASSIGNED)
ON_THE_ROAD = replace(WAITING, status=S.IN_TRANSIT, picked_up=True)


def said(number: int, kind: Kind, minutes: float, **changes: object) -> Statement:
    """By the driver, so many minutes after the assignment."""
    at = ASSIGNED + timedelta(minutes=minutes)
    base = Statement(DRIVER, UUID(int=number), kind, at, NOW, CREW)
    return replace(base, **changes)  # type: ignore[arg-type]


def refusal(reckoning: Reckoning, statement: Statement) -> str | None:
    judged = reckoning.judgements[statement.key]
    assert (judged.refusal is not None) == (judged.verdict is Verdict.REFUSED)
    return judged.refusal


def test_the_earliest_loading_and_proof_count() -> None:
    late, early = said(1, Kind.LOADING, 90), said(2, Kind.LOADING, 60)
    proofs = said(3, Kind.PROOF, 300), said(4, Kind.PROOF, 280)
    reckoning = reckon(WAITING, [late, proofs[0], early, proofs[1]])
    assert (reckoning.loading, reckoning.proof) == (early.key, proofs[1].key)
    assert reckoning.judgements == {
        late.key: KEPT,
        early.key: APPLIED,
        proofs[0].key: KEPT,
        proofs[1].key: APPLIED,
    }


def test_nothing_is_delivered_that_was_not_loaded() -> None:
    proof = said(1, Kind.PROOF, 300)
    assert refusal(reckon(WAITING, [proof]), proof) == "order_not_picked_up"
    assert reckon(WAITING, [proof, said(2, Kind.LOADING, 60)]).proof == proof.key
    # what the fence saw is a loading too; and what was refused for want of it is judged again
    judged = replace(proof, verdict=Verdict.REFUSED, refusal="order_not_picked_up")
    assert reckon(ON_THE_ROAD, [judged]).proof == proof.key


@pytest.mark.parametrize(
    ("code", "refused"),
    [
        (CodeVerdict.RIGHT, None),
        (CodeVerdict.EARLIER, None),
        (CodeVerdict.WRONG, "delivery_code_wrong"),
        (CodeVerdict.LOCKED, "delivery_code_locked"),
        (CodeVerdict.MISSING, "delivery_code_missing"),
        (None, None),
    ],
)
def test_a_demanded_code(code: CodeVerdict | None, refused: str | None) -> None:
    proof = said(1, Kind.PROOF, 300, code=code)
    demanded = replace(ON_THE_ROAD, code_required=True)
    assert refusal(reckon(demanded, [proof]), proof) == refused
    assert refusal(reckon(ON_THE_ROAD, [proof]), proof) is None
    # demanding it afterwards takes no delivery back
    assert reckon(demanded, [replace(proof, verdict=Verdict.APPLIED)]).proof == proof.key
    # the next one that has it counts, though it is later
    right = said(2, Kind.PROOF, 310, code=CodeVerdict.RIGHT)
    assert reckon(demanded, [right, proof]).proof == (right.key if refused else proof.key)


def test_answers() -> None:
    minutes = ANSWER_WITHIN / timedelta(minutes=1)
    no, yes = said(1, Kind.REJECT, minutes), said(2, Kind.ACCEPT, 3)
    assert reckon(WAITING, [no]).rejected
    late = said(1, Kind.REJECT, minutes + 1)
    assert refusal(reckon(WAITING, [late]), late) == "answer_too_late"
    assert refusal(reckon(WAITING, [no, yes]), no) == "load_accepted"
    assert not reckon(WAITING, [no, yes]).rejected
    after = said(2, Kind.ACCEPT, minutes + 5)
    assert refusal(reckon(WAITING, [no, after]), after) == "load_rejected"
    # goods on the truck speak louder
    loading = said(3, Kind.LOADING, 60)
    assert refusal(reckon(WAITING, [no, loading]), no) == "already_loaded"
    assert refusal(reckon(ON_THE_ROAD, [no]), no) == "already_loaded"
    carrier = replace(no, user_id=CARRIER, crew_id=None)
    assert refusal(reckon(WAITING, [carrier]), carrier) == "not_your_load"


def test_times() -> None:
    ahead = NOW + MAX_CLOCK_AHEAD
    note = said(1, Kind.NOTE, 0, at=ahead)
    assert refusal(reckon(WAITING, [note]), note) is None
    note = replace(note, at=ahead + timedelta(seconds=1))
    assert refusal(reckon(WAITING, [note]), note) == "time_in_future"
    note = said(1, Kind.NOTE, -1)
    assert refusal(reckon(WAITING, [note]), note) == "time_before_assignment"


@pytest.mark.parametrize("status", list(S))
def test_an_order_that_went_another_way(status: OrderStatus) -> None:
    situation = replace(ON_THE_ROAD, status=status)
    note, old = said(1, Kind.NOTE, 30), said(2, Kind.LOADING, 60, verdict=Verdict.APPLIED)
    reckoning = reckon(situation, [note, old])
    assert reckoning.judgements[old.key] == APPLIED
    assert reckoning.loading == old.key
    expected = {
        S.DRAFT: "order_reassigned", S.POSTED: "order_reassigned", S.BIDDING: "order_reassigned",
        S.CANCELLED: "order_cancelled",
    }.get(status)  # fmt: skip
    assert refusal(reckoning, note) == expected
    # another crew is on it
    gone = replace(note, crew_id=CREW - 1)
    assert refusal(reckon(situation, [gone]), gone) == (expected or "order_reassigned")


def test_after_the_end_statements_are_kept() -> None:
    proof = said(1, Kind.PROOF, 10)
    counted = said(2, Kind.PROOF, 300, verdict=Verdict.APPLIED)
    reckoning = reckon(replace(ON_THE_ROAD, status=S.COMPLETED), [proof, counted])
    assert (reckoning.judgements[proof.key], reckoning.proof) == (KEPT, counted.key)


# The law -------------------------------------------------------------------------

statements = st.lists(
    st.builds(
        said,
        number=st.integers(1, 40),
        kind=st.sampled_from(Kind),
        minutes=st.integers(-5, 700),
        code=st.sampled_from([None, *CodeVerdict]),
        crew_id=st.sampled_from([CREW, None, CREW - 1]),
    ),
    max_size=12,
    unique_by=lambda each: each.key,
)
situations = st.builds(
    replace,
    st.sampled_from([WAITING, ON_THE_ROAD]),
    code_required=st.booleans(),
)


def arrive(situation: Situation, batches: list[list[Statement]]) -> dict[tuple[UUID, UUID], Judgement]:
    """As the platform does it: each batch is judged together with all that was judged before."""
    known: dict[tuple[UUID, UUID], Statement] = {}
    for batch in batches:
        for each in batch:
            known.setdefault(each.key, each)
        for key, judged in reckon(situation, known.values()).judgements.items():
            known[key] = replace(known[key], verdict=judged.verdict, refusal=judged.refusal)
    return {
        key: Judgement(each.verdict, each.refusal) for key, each in known.items() if each.verdict is not None
    }


@given(situations, statements, st.data())
def test_any_order_batching_and_repetition_ends_in_the_same(
    situation: Situation, told: list[Statement], data: st.DataObject
) -> None:
    whole = arrive(situation, [told])
    repeated = told + data.draw(st.lists(st.sampled_from(told), max_size=5) if told else st.just([]))
    shuffled = data.draw(st.permutations(repeated))
    cuts = data.draw(st.lists(st.integers(0, len(shuffled)), max_size=5).map(sorted))
    borders = [0, *cuts, len(shuffled)]
    batches = [shuffled[a:b] for a, b in pairwise(borders)]
    assert arrive(situation, batches) == whole
    final = reckon(situation, told)
    assert len(final.judgements) == len(told)
    counting = [key for key in (final.loading, final.proof) if key is not None]
    assert all(whole[key] == APPLIED for key in counting)


# Flags ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loaded", "packages", "flags"),
    [
        (None, None, ()),
        (19_000, 400, ()),
        (21_000, 400, ()),
        (18_999, 400, ("weight_differs",)),
        (21_001, 399, ("weight_differs", "packages_differ")),
    ],
)
def test_loading_flags(loaded: int | None, packages: int | None, flags: tuple[str, ...]) -> None:
    found = loading_flags(declared_kg=20_000, loaded_kg=loaded, declared_packages=400, packages=packages)
    assert found == flags
    assert loading_flags(declared_kg=None, loaded_kg=loaded, declared_packages=None, packages=packages) == ()


@pytest.mark.parametrize(
    ("distance_m", "accuracy_m", "seen", "flags"),
    [
        (-20.0, 5.0, False, ()),
        (100.0, None, False, ()),
        (101.0, None, True, ("away_from_fence",)),
        (140.0, 40.0, False, ()),
        (141.0, 40.0, False, ("away_from_fence",)),
        (None, None, True, ()),
        (None, None, False, ("not_seen_at_fence",)),
    ],
)
def test_where_a_proof_was_taken(
    distance_m: float | None, accuracy_m: float | None, seen: bool, flags: tuple[str, ...]
) -> None:
    proof = Proof(NOW, distance_m=distance_m, accuracy_m=accuracy_m, seen_at_fence=seen)
    assert proof_flags(proof) == flags


@pytest.mark.parametrize(
    ("changes", "flags"),
    [
        ({"loading_at": NOW}, ()),
        ({"loading_at": NOW + timedelta(seconds=1)}, ("before_loading",)),
        ({"code": CodeVerdict.RIGHT}, ()),
        ({"code": CodeVerdict.WRONG}, ("code_wrong",)),
        ({"code": CodeVerdict.MISSING}, ("code_missing",)),
        ({"code": CodeVerdict.LOCKED}, ("code_locked",)),
        ({"code": CodeVerdict.EARLIER}, ("code_renewed_since",)),
        ({"packages": 400, "packages_delivered": 400}, ()),
        ({"packages": 400, "packages_delivered": 399}, ("partial",)),
        (
            {"packages_missing": 1, "packages_damaged": 2, "has_reserves": True},
            ("partial", "damaged", "reserves"),
        ),
    ],
)
def test_what_speaks_against_a_proof(changes: dict[str, object], flags: tuple[str, ...]) -> None:
    assert proof_flags(replace(Proof(NOW, seen_at_fence=True), **changes)) == flags  # type: ignore[arg-type]


def test_what_still_waited_when_the_order_ended_is_judged_then() -> None:
    waited = said(1, Kind.PROOF, 300, verdict=Verdict.REFUSED, refusal="order_not_picked_up")
    assert reckon(replace(WAITING, status=S.COMPLETED), [waited]).judgements[waited.key] == KEPT
    assert refusal(reckon(replace(WAITING, status=S.CANCELLED), [waited]), waited) == "order_cancelled"
    final = replace(waited, refusal="time_in_future")
    assert refusal(reckon(replace(WAITING, status=S.COMPLETED), [final]), final) == "time_in_future"
