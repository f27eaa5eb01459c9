"""What everything that a crew has said of an order comes to. Pure.

`reckon` looks at all of it each time and never at the order in which it arrived: a phone that was
offline tells late, twice and in pieces, and all of that ends in the same place. Of several loadings or
proofs the earliest, by the clock of whoever sent it, counts; the others are kept beside it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from platform_api.device_clock import MAX_CLOCK_AHEAD
from platform_api.execution.rules import POD_MARGIN_M
from platform_api.orders.rules import UNDERWAY, OrderStatus

S = OrderStatus

# An assigned load may be turned down for so long; silence is acceptance.
ANSWER_WITHIN = timedelta(minutes=30)
# What is loaded may differ from what was declared by so much: scales differ, sacks are moist.
WEIGHT_TOLERANCE = 0.05

LIVE = UNDERWAY | {S.DELIVERED}
SETTLED = frozenset({S.COMPLETED, S.DISPUTED, S.RESOLVED})

Key = tuple[UUID, UUID]


class Kind(StrEnum):
    """`driver_actions.kind`"""

    ACCEPT = "accept"
    REJECT = "reject"
    ARRIVED = "arrived"
    LOADING = "loading"
    PROOF = "proof"
    RESERVE = "reserve"
    NOTE = "note"


class Verdict(StrEnum):
    """`driver_actions.verdict`"""

    APPLIED = "applied"
    KEPT = "kept"  # evidence beside another one that counts
    REFUSED = "refused"
    WAITING_FOR_FILE = "waiting_for_file"


class CodeVerdict(StrEnum):
    """What the consignee's code was found to be when it came."""

    RIGHT = "right"
    EARLIER = "earlier"  # right at its own time, renewed since
    WRONG = "wrong"
    LOCKED = "locked"  # too many wrong ones before
    MISSING = "missing"


# Refused for now: what is missing may still arrive.
PENDING = frozenset({"order_not_picked_up"})
# Refused because the order went another way meanwhile: its parties are told.
CONFLICTS = frozenset({"order_cancelled", "order_reassigned"})

_CODE_REFUSALS = {
    CodeVerdict.WRONG: "delivery_code_wrong",
    CodeVerdict.LOCKED: "delivery_code_locked",
    CodeVerdict.MISSING: "delivery_code_missing",
}
_CODE_FLAGS = {
    CodeVerdict.WRONG: "code_wrong",
    CodeVerdict.LOCKED: "code_locked",
    CodeVerdict.MISSING: "code_missing",
    CodeVerdict.EARLIER: "code_renewed_since",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """`crew_id`: of the crew whose driver said it; None = the carrier, or who runs the market.

    `verdict` None: not judged yet.
    """

    user_id: UUID
    id: UUID
    kind: Kind
    at: datetime
    recorded_at: datetime
    crew_id: int | None = None
    code: CodeVerdict | None = None
    verdict: Verdict | None = None
    refusal: str | None = None

    @property
    def key(self) -> Key:
        return self.user_id, self.id

    @property
    def stands(self) -> bool:
        return self.verdict in (Verdict.APPLIED, Verdict.KEPT)


@dataclass(frozen=True, slots=True)
class Situation:
    """What others made of the order. `picked_up`: also by leaving the fence after a real stay."""

    status: OrderStatus
    assigned_at: datetime
    crew_id: int
    crew_since: datetime
    picked_up: bool = False
    code_required: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    verdict: Verdict
    refusal: str | None = None


APPLIED, KEPT = Judgement(Verdict.APPLIED), Judgement(Verdict.KEPT)


@dataclass(frozen=True, slots=True)
class Reckoning:
    """`loading`, `proof`: the statements that count. `rejected`: the present crew's driver turned it down."""

    judgements: Mapping[Key, Judgement]
    loading: Key | None = None
    proof: Key | None = None
    rejected: bool = False


def reckon(situation: Situation, statements: Iterable[Statement]) -> Reckoning:
    """Statements that wait for a file are left out by the caller."""
    told = sorted(statements, key=lambda each: (each.at, each.id, each.user_id))
    judged: dict[Key, Judgement] = {}
    open_ones: list[Statement] = []
    for each in told:
        settled = _settled(situation, each)
        if settled is None:
            open_ones.append(each)
        else:
            judged[each.key] = settled
    loading = _first(open_ones, Kind.LOADING, judged)
    loaded = situation.picked_up or loading is not None
    proof = _proof(situation, open_ones, loaded, judged)
    rejected = _answer(situation, open_ones, loaded, judged)
    for each in open_ones:
        judged.setdefault(each.key, APPLIED)
    return Reckoning(
        judged,
        loading or _standing(told, judged, Kind.LOADING),
        proof or _standing(told, judged, Kind.PROOF),
        rejected,
    )


def _settled(situation: Situation, each: Statement) -> Judgement | None:
    """What does not depend on other statements; None = it does."""
    another_crew = each.crew_id is not None and each.crew_id != situation.crew_id
    if situation.status not in LIVE or another_crew:
        return _elsewhere(situation, each, another_crew)
    if each.at > each.recorded_at + MAX_CLOCK_AHEAD:
        return _refused("time_in_future")
    if each.at < situation.assigned_at:
        return _refused("time_before_assignment")
    if each.kind in (Kind.ACCEPT, Kind.REJECT) and each.crew_id is None:
        return _refused("not_your_load")
    return None


def _elsewhere(situation: Situation, each: Statement, another_crew: bool) -> Judgement:
    """The order went on without him: what was judged stands, what comes now is kept and told."""
    if each.verdict is not None and each.refusal not in PENDING:
        return Judgement(each.verdict, each.refusal)
    if situation.status in SETTLED and not another_crew:
        return KEPT
    return _refused("order_cancelled" if situation.status is S.CANCELLED else "order_reassigned")


def _refused(code: str) -> Judgement:
    return Judgement(Verdict.REFUSED, code)


def _standing(told: Sequence[Statement], judged: Mapping[Key, Judgement], kind: Kind) -> Key | None:
    """The one that counts already, once nothing moves any more."""
    return next((each.key for each in told if each.kind is kind and judged[each.key] == APPLIED), None)


def _first(told: Sequence[Statement], kind: Kind, judged: dict[Key, Judgement]) -> Key | None:
    """The earliest counts, the others of its kind are kept."""
    found = [each for each in told if each.kind is kind and each.key not in judged]
    for each in found[1:]:
        judged[each.key] = KEPT
    return found[0].key if found else None


def _proof(
    situation: Situation, told: Sequence[Statement], loaded: bool, judged: dict[Key, Judgement]
) -> Key | None:
    for each in told:
        if each.kind is not Kind.PROOF:
            continue
        if not loaded:
            judged[each.key] = _refused("order_not_picked_up")
        elif situation.code_required and not each.stands and each.code in _CODE_REFUSALS:
            assert each.code is not None
            judged[each.key] = _refused(_CODE_REFUSALS[each.code])
    return _first(told, Kind.PROOF, judged)


def _answer(
    situation: Situation, told: Sequence[Statement], loaded: bool, judged: dict[Key, Judgement]
) -> bool:
    """Whether the driver turned the load down. Goods on the truck speak louder than any answer."""
    given: Kind | None = None
    for each in told:
        if each.kind is Kind.REJECT:
            if loaded:
                judged[each.key] = _refused("already_loaded")
            elif each.at > situation.crew_since + ANSWER_WITHIN:
                judged[each.key] = _refused("answer_too_late")
            elif given is Kind.ACCEPT:
                judged[each.key] = _refused("load_accepted")
            else:
                judged[each.key] = KEPT if given else APPLIED
                given = Kind.REJECT
        elif each.kind is Kind.ACCEPT:
            if given is Kind.REJECT:
                judged[each.key] = _refused("load_rejected")
            else:
                judged[each.key] = KEPT if given else APPLIED
                given = Kind.ACCEPT
    return given is Kind.REJECT


# What speaks against a loading or a proof; it is flagged and never refused ----------


def loading_flags(
    *, declared_kg: int | None, loaded_kg: int | None, declared_packages: int | None, packages: int | None
) -> tuple[str, ...]:
    flags = []
    if declared_kg and loaded_kg and abs(loaded_kg - declared_kg) > declared_kg * WEIGHT_TOLERANCE:
        flags.append("weight_differs")
    if declared_packages and packages is not None and packages != declared_packages:
        flags.append("packages_differ")
    return tuple(flags)


@dataclass(frozen=True, slots=True)
class Proof:
    """`distance_m`: from the phone's fix to the delivery shape (<= 0 inside), None without a fix; then
    `seen_at_fence` says whether the truck's own visits hold the time. `packages`: how many there should
    be, None = not known."""

    at: datetime
    distance_m: float | None = None
    accuracy_m: float | None = None
    seen_at_fence: bool = False
    code: CodeVerdict | None = None
    loading_at: datetime | None = None
    packages: int | None = None
    packages_delivered: int | None = None
    packages_damaged: int | None = None
    packages_missing: int | None = None
    has_reserves: bool = False


def proof_flags(proof: Proof) -> tuple[str, ...]:
    flags = []
    if proof.distance_m is None:
        if not proof.seen_at_fence:
            flags.append("not_seen_at_fence")
    elif proof.distance_m > POD_MARGIN_M + (proof.accuracy_m or 0.0):
        flags.append("away_from_fence")
    if proof.loading_at is not None and proof.at < proof.loading_at:
        flags.append("before_loading")
    if proof.code in _CODE_FLAGS:
        flags.append(_CODE_FLAGS[proof.code])
    delivered = proof.packages_delivered
    short = delivered is not None and proof.packages is not None and delivered < proof.packages
    if short or proof.packages_missing:
        flags.append("partial")
    if proof.packages_damaged:
        flags.append("damaged")
    if proof.has_reserves:
        flags.append("reserves")
    return tuple(flags)
