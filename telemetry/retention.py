"""How long a fleet's telemetry is kept: the policy, its limits, and what of a device's pings is too much. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

MAX_DAYS: Final = 3650
MIN_THIN_S: Final = 10
MAX_THIN_S: Final = 86_400


class RetentionError(ValueError):
    """A policy that cannot be. `code` is stable (retention_too_short, retention_too_long, retention_order, thinning)."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class RetentionPolicy(msgspec.Struct, frozen=True):
    """Days by event time; None = for ever, and no thinning. RetentionPolicy() keeps everything."""

    ping_days: int | None = None
    thin_after_days: int | None = None
    thin_to_s: int | None = None  # of pings older than that one is kept for each device and so many seconds
    interval_days: int | None = None  # trips, stops, events
    visit_days: int | None = None  # of fences that no order had


class Cutoffs(msgspec.Struct, frozen=True):
    """What is older goes; None = nothing does."""

    pings: datetime | None
    thin: datetime | None
    thin_to_s: int | None
    intervals: datetime | None
    visits: datetime | None

    @property
    def complete_from(self) -> datetime | None:
        """Before it some pings may be missing: a fold must not begin there."""
        return max((time for time in (self.pings, self.thin) if time is not None), default=None)


def check(policy: RetentionPolicy, *, lateness_days: int) -> None:
    """Raises RetentionError. `lateness_days`: late pings are judged together with the stored ones of that time."""
    for name in ("ping_days", "thin_after_days", "interval_days", "visit_days"):
        days = getattr(policy, name)
        if days is not None and days < lateness_days:
            raise RetentionError(
                "retention_too_short",
                f"{name} must be at least {lateness_days} days (MESS_LATENESS_DAYS): late pings are judged"
                " together with the stored ones.",
            )
        if days is not None and days > MAX_DAYS:
            raise RetentionError("retention_too_long", f"{name} may be {MAX_DAYS} days at most.")
    _check_thinning(policy)
    for name in ("interval_days", "visit_days"):
        days = getattr(policy, name)
        if days is not None and (policy.ping_days is None or days < policy.ping_days):
            raise RetentionError(
                "retention_order", f"{name} must not be shorter than ping_days: pings would make them again."
            )


def _check_thinning(policy: RetentionPolicy) -> None:
    after, to_s = policy.thin_after_days, policy.thin_to_s
    if (after is None) != (to_s is None):
        raise RetentionError("thinning", "thin_after_days and thin_to_s go together.")
    if to_s is not None and not MIN_THIN_S <= to_s <= MAX_THIN_S:
        raise RetentionError("thinning", f"thin_to_s is from {MIN_THIN_S} to {MAX_THIN_S} seconds.")
    if after is not None and policy.ping_days is not None and after >= policy.ping_days:
        raise RetentionError("thinning", "thin_after_days must be shorter than ping_days.")


def cutoffs(policy: RetentionPolicy, now: datetime, *, lateness_days: int) -> Cutoffs:
    """By whole days (UTC, which is Dakar's time), so that each device is swept once a day.

    A ping so lives up to a day longer than the policy says. What a longer lateness needs stays, whatever was set before.
    """

    def cutoff(days: int | None) -> datetime | None:
        if days is None:
            return None
        return midnight(now) - timedelta(days=max(days, lateness_days))

    return Cutoffs(
        cutoff(policy.ping_days),
        cutoff(policy.thin_after_days),
        policy.thin_to_s,
        cutoff(policy.interval_days),
        cutoff(policy.visit_days),
    )


def midnight(moment: datetime) -> datetime:
    """The beginning of its day, UTC."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def surplus(
    times_us: Sequence[int], interval_us: int, last_bucket: int | None = None
) -> tuple[list[int], int | None]:
    """Of ascending times those that go when one of each interval stays, the first; and the last interval seen.

    Intervals are counted from the epoch, so that any cutting into pieces, and doing it again, leaves the same.
    """
    gone = []
    for time_us in times_us:
        bucket = time_us // interval_us
        if bucket == last_bucket:
            gone.append(time_us)
        last_bucket = bucket
    return gone, last_bucket
