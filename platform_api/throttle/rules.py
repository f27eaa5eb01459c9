"""Decisions about limits: how much of one is left, how long a lock lasts after how many failures."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, ip_address

# The smallest piece of the internet that one IPv6 household has.
IPV6_PREFIX_BITS = 64


@dataclass(frozen=True, slots=True)
class Limit:
    """`times` at once, given back evenly over `per`: in the long run `times` each `per`."""

    name: str
    times: int
    per: timedelta

    @property
    def step(self) -> timedelta:
        """After which one is given back."""
        return self.per / self.times

    def key(self, whom: str) -> str:
        return f"{self.name}|{whom}"


@dataclass(frozen=True, slots=True)
class Lock:
    """After `free` failures in a row each further one locks, `first` at the first, then twice as long each time."""

    free: int = 5
    first: timedelta = timedelta(seconds=30)
    longest: timedelta = timedelta(hours=1)
    # Without a failure for so long, all is forgotten.
    forget: timedelta = timedelta(hours=24)


def _since(limit: Limit, full_at: datetime | None, now: datetime) -> datetime:
    """`full_at`, unless it cannot be: it was written before the clock was set back, and would lock for so long."""
    if full_at is None or full_at > now + limit.per + limit.step:
        return now
    return full_at


def wait_for(limit: Limit, full_at: datetime | None, now: datetime) -> timedelta:
    """How long until one more is allowed; 0 = now. `full_at` None = nothing was ever spent."""
    spent = max(timedelta(), _since(limit, full_at, now) - now)
    return max(timedelta(), spent + limit.step - limit.per)


def spend(limit: Limit, full_at: datetime | None, now: datetime) -> datetime:
    """The new `full_at` (generic cell rate algorithm, ITU-T I.371)."""
    return max(_since(limit, full_at, now), now) + limit.step


def failures_now(lock: Lock, failures: int, failed_at: datetime, now: datetime) -> int:
    """Those that still count."""
    return 0 if failed_at <= now - lock.forget else failures


def lock_left(lock: Lock, failures: int, failed_at: datetime, now: datetime) -> timedelta:
    """What is left of the lock that this many failures earned, the last of them at `failed_at`; 0 = open."""
    if failures < lock.free:
        return timedelta()
    whole = min(lock.longest, lock.first * (1 << min(failures - lock.free, 20)))
    return max(timedelta(), failed_at + whole - now)


def seconds(wait: timedelta) -> int:
    """For Retry-After: whole seconds, never 0."""
    return max(1, math.ceil(wait.total_seconds()))


def network_of(host: str | None) -> str:
    """Whom an address belongs to, as far as it can tell: an IPv4 address, the /64 of an IPv6 one."""
    try:
        address = ip_address((host or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(address, IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    start = int(address) >> (128 - IPV6_PREFIX_BITS) << (128 - IPV6_PREFIX_BITS)
    return f"{ip_address(start)}/{IPV6_PREFIX_BITS}"
