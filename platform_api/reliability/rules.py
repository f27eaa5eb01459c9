"""How reliable a carrier is, by its last 20 loads: pure.

The window, the limits of "top" and "minimum" and waivers follow what Uber Freight publishes for carriers
(help pages "Carrier performance - reliability"): top is at most 5 % withdrawn and at least 95 % on time at
both ends; below 10 % and 85 % a carrier is at risk.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

LOADS = 20
# Fewer say little: a carrier is new, and not unreliable.
ENOUGH = 5
TOP_WITHDRAWN, LEAST_WITHDRAWN = 0.05, 0.10
TOP_ON_TIME, LEAST_ON_TIME = 0.95, 0.85


class Fault(StrEnum):
    WITHDRAWN = "withdrawn"
    LATE_PICKUP = "late_pickup"
    LATE_DELIVERY = "late_delivery"


class Grade(StrEnum):
    NEW = "new"
    TOP = "top"
    GOOD = "good"
    AT_RISK = "at_risk"


@dataclass(frozen=True, slots=True)
class Load:
    """One load that was given to the carrier. On time: None = nobody said by when, or it is not known yet."""

    withdrawn: bool = False
    pickup_on_time: bool | None = None
    delivery_on_time: bool | None = None
    waived: frozenset[Fault] = frozenset()


@dataclass(frozen=True, slots=True)
class Reliability:
    """Shares 0..1, None where nothing can be said. `score` 0..100."""

    loads: int
    withdrawn_share: float | None
    pickup_on_time: float | None
    delivery_on_time: float | None
    score: int | None
    grade: Grade


def reliability(loads: Sequence[Load]) -> Reliability:
    """Of the newest LOADS (newest first); what was waived counts as if it had gone well."""
    counted = loads[:LOADS]
    withdrawn = _share([load.withdrawn and Fault.WITHDRAWN not in load.waived for load in counted])
    pickup = _share(_on_time([load.pickup_on_time for load in counted], counted, Fault.LATE_PICKUP))
    delivery = _share(_on_time([load.delivery_on_time for load in counted], counted, Fault.LATE_DELIVERY))
    grade = Grade.NEW if len(counted) < ENOUGH else _grade(withdrawn or 0.0, pickup, delivery)
    score = None if len(counted) < ENOUGH else _score(withdrawn or 0.0, pickup, delivery)
    return Reliability(len(counted), withdrawn, pickup, delivery, score, grade)


def _on_time(told: Sequence[bool | None], loads: Sequence[Load], fault: Fault) -> list[bool]:
    return [
        on_time or fault in load.waived
        for on_time, load in zip(told, loads, strict=True)
        if on_time is not None
    ]


def _share(values: Sequence[bool]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None


def _grade(withdrawn: float, pickup: float | None, delivery: float | None) -> Grade:
    least = min(pickup if pickup is not None else 1.0, delivery if delivery is not None else 1.0)
    if withdrawn > LEAST_WITHDRAWN or least < LEAST_ON_TIME:
        return Grade.AT_RISK
    return Grade.TOP if withdrawn <= TOP_WITHDRAWN and least >= TOP_ON_TIME else Grade.GOOD


def _score(withdrawn: float, pickup: float | None, delivery: float | None) -> int:
    """Punctuality at both ends, halved by each fifth of the loads that was given back."""
    punctual = [share for share in (pickup, delivery) if share is not None]
    on_time = sum(punctual) / len(punctual) if punctual else 1.0
    kept = math.pow(0.5, withdrawn / 0.2)
    return round(100 * on_time * kept)
