"""Where limits meet HTTP: from where a request comes, and counting it before it does anything."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from config.database import transaction
from platform_api.deps import NowDep, session_slot
from platform_api.throttle import rules, service
from platform_api.throttle.rules import Limit

LIMIT_ERRORS = ("too_many_requests",)


async def _network(request: Request) -> str:
    return rules.network_of(request.client.host if request.client else None)


# Whom the caller's address belongs to.
NetworkDep = Annotated[str, Depends(_network)]


def limited(limit: Limit) -> Callable[..., None]:
    """A dependency of an endpoint: so many requests from one network, counted also when they are refused.

    `dependencies=[Depends(limited(LIMIT))]`; answers 429 `too_many_requests`.
    """

    # In the request's own slot: it holds no connection yet, and this one is given back at once.
    def check(
        _slot: Annotated[None, Depends(session_slot, scope="function")], network: NetworkDep, now: NowDep
    ) -> None:
        spend((limit, network), now=now)

    return check


def spend(*wanted: tuple[Limit, str], now: datetime) -> None:
    """Count and commit. Raises TooMany `too_many_requests`."""
    with transaction() as session:
        service.spend(session, wanted, now=now)


def count_failure(kind: str, phone: str, network: str, *wanted: tuple[Limit, str], now: datetime) -> None:
    """Count a try as failed, and commit. Raises TooMany `too_many_requests` or `locked_out`."""
    with transaction() as session:
        if wanted:
            service.spend(session, wanted, now=now)
        service.count_failure(session, kind, phone, network, now=now)
