"""ws/tracking/: live view of an order, and the uplink of a phone that cannot speak MQTT.

A refused client is accepted first and then closed with a code of its own: a refusal during the
handshake would reach a browser as 1006 without a reason. No database session outlives a lookup.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar
from uuid import UUID

import jwt
from fastapi import APIRouter, FastAPI, WebSocket, WebSocketDisconnect
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from brokers.relay import DeviceRelay, RelayUnavailable
from config import clock
from config.database import transaction
from config.logging import get_logger
from config.settings import get_settings
from platform_api.accounts import service as accounts
from platform_api.actor import Actor
from platform_api.errors import NotFound, PlatformError, TooMany, Unauthorised
from platform_api.tracking import service
from platform_api.tracking.driver_uplink import DriverUplink
from platform_api.tracking.hub import LiveHub, LiveUnavailable
from platform_api.tracking.live_socket import TRY_AGAIN_LATER, Closing, close, closing_for
from platform_api.tracking.order_viewer import OrderViewer
from platform_api.tracking.service import View

log = get_logger(__name__)

router = APIRouter()

# Of one account in one process, so that one runaway page does not take the sockets of all.
MAX_SOCKETS_PER_USER = 20

T = TypeVar("T")


@dataclass(slots=True)
class LiveParts:
    """What the sockets of one process share; lives in `app.state`."""

    hub: LiveHub
    relay: DeviceRelay
    open_sockets: Counter[UUID]


def live_parts(app: FastAPI) -> LiveParts:
    parts: LiveParts | None = getattr(app.state, "live_parts", None)
    if parts is None:
        settings = get_settings()
        parts = LiveParts(LiveHub(settings.live_shards), DeviceRelay(settings), Counter())
        app.state.live_parts = parts
    return parts


@router.websocket("/ws/tracking/order/{order_id}/")
async def watch_order(websocket: WebSocket, order_id: str) -> None:
    async def session(access: "Access", parts: LiveParts) -> None:
        order = _parse_order_id(order_id)

        def load(database: Session, actor: Actor, now: datetime) -> View:
            return service.view_order(database, actor, order, now=now)

        view = await access.look_up(load)
        again = partial(access.look_up, load)
        await OrderViewer(websocket, parts.hub, again, view, expires_at=access.expires_at).run()

    await serve(websocket, session)


@router.websocket("/ws/tracking/driver/")
async def uplink(websocket: WebSocket) -> None:
    async def session(access: "Access", parts: LiveParts) -> None:
        def find(database: Session, actor: Actor, _: datetime) -> str:
            return service.find_own_phone(database, actor)

        uid = await access.look_up(find)
        again = partial(access.look_up, find)
        await DriverUplink(
            websocket, parts.relay, again, uid, get_settings(), expires_at=access.expires_at
        ).run()

    await serve(websocket, session)


@dataclass(frozen=True, slots=True)
class Access:
    """A verified access token. Each lookup asks again whether its account is still good."""

    token: str
    user_id: UUID
    expires_at: datetime

    async def look_up(self, query: Callable[[Session, Actor, datetime], T]) -> T:
        """Run a query in a thread, in a transaction of its own. Raises PlatformError."""
        return await run_in_threadpool(self._look_up, query)

    def _look_up(self, query: Callable[[Session, Actor, datetime], T]) -> T:
        now = clock.now()
        with transaction() as session:
            return query(session, accounts.authenticate(session, self.token, now=now), now)


async def serve(websocket: WebSocket, session: Callable[[Access, LiveParts], Awaitable[None]]) -> None:
    """Accept, verify the token, run `session`; whatever ends it is told by a message and a close code."""
    await websocket.accept()
    try:
        access = await _verify(_token_of(websocket))
        parts = live_parts(websocket.app)
        with _counted(parts.open_sockets, access.user_id):
            await session(access, parts)
    except WebSocketDisconnect:
        return
    except Closing as closing:
        await close(websocket, closing)
    except PlatformError as error:
        await close(websocket, closing_for(error))
    except (LiveUnavailable, RelayUnavailable, OperationalError, PoolTimeout) as error:
        log.warning("socket ended for want of a part", path=websocket.url.path, error=str(error))
        await close(websocket, Closing(TRY_AGAIN_LATER, "try_again_later"))


async def _verify(token: str) -> Access:
    def read(session: Session) -> UUID:
        return accounts.authenticate(session, token, now=clock.now()).user_id

    def look_up() -> UUID:
        with transaction() as session:
            return read(session)

    user_id = await run_in_threadpool(look_up)
    # The signature has been checked; only the end of its life is still wanted.
    expires_s = jwt.decode(token, options={"verify_signature": False})["exp"]
    return Access(token, user_id, datetime.fromtimestamp(expires_s, UTC))


def _token_of(websocket: WebSocket) -> str:
    """From `?token=` (browsers cannot set headers) or `Authorization: Bearer`."""
    token = websocket.query_params.get("token")
    if token:
        return token
    scheme, _, credentials = websocket.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    raise Unauthorised("not_authenticated", "Connect with ?token= and an access token.")


def _parse_order_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise NotFound("order_not_found", "There is no such order.") from error


@contextmanager
def _counted(open_sockets: Counter[UUID], user_id: UUID) -> Iterator[None]:
    if open_sockets[user_id] >= MAX_SOCKETS_PER_USER:
        raise TooMany(
            "too_many_sockets",
            f"At most {MAX_SOCKETS_PER_USER} live connections at once.",
            limit=MAX_SOCKETS_PER_USER,
        )
    open_sockets[user_id] += 1
    try:
        yield
    finally:
        open_sockets[user_id] -= 1
        if not open_sockets[user_id]:
            del open_sockets[user_id]
