"""Who may open the pages at /admin/, and from where a change may come."""

from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqladmin.authentication import AuthenticationBackend
from sqlalchemy import event, text
from sqlalchemy.orm import Session, sessionmaker
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from config import clock
from config.database import get_engine, transaction
from config.settings import get_settings
from platform_api.admin import sessions, signing_in
from platform_api.admin.auditing import context_of
from platform_api.admin.rules import LONGEST

COOKIE = "mess_admin"
_TOKEN = "token"  # noqa: S105 - the key in the cookie's JSON

# Who asks for the page that is being made; SQLAdmin opens its sessions by itself.
_administrator: ContextVar[UUID | None] = ContextVar("administrator", default=None)


def audited_sessions() -> sessionmaker[Session]:
    """Sessions in which every change is written to the audit log, under the name of who asks for the page."""
    made: sessionmaker[Session] = sessionmaker(bind=get_engine(), expire_on_commit=False)

    @event.listens_for(made, "after_begin")
    def _begin(_session: Session, _transaction: Any, connection: Any) -> None:
        context = context_of(actor_id=_administrator.get(), channel="admin")
        connection.execute(text("SELECT set_config('mess.audit', :context, true)"), {"context": context})

    return made


class Guard(AuthenticationBackend):
    """Phone number and password, then a session of its own; refusals count as those of the API do."""

    def __init__(self) -> None:
        settings = get_settings()
        super().__init__(
            f"admin {settings.jwt_secret.get_secret_value()}",
            session_cookie=COOKIE,
            max_age=int(LONGEST.total_seconds()),
            path="/admin",
            same_site="strict",
            https_only=settings.environment == "production",
        )

    async def login(self, request: Request) -> bool:
        form = await request.form()
        phone, password = str(form.get("username", "")), str(form.get("password", ""))
        ip = None if request.client is None else request.client.host
        agent = request.headers.get("user-agent", "")
        token = await run_in_threadpool(signing_in.sign_in, phone, password, ip=ip, agent=agent)
        if token is None:
            return False
        request.session.clear()
        request.session[_TOKEN] = token
        return True

    async def logout(self, request: Request) -> bool:
        token = request.session.get(_TOKEN)
        request.session.clear()
        if token is not None:
            await run_in_threadpool(_end, str(token))
        return False  # to the sign-in page

    async def authenticate(self, request: Request) -> bool:
        token = request.session.get(_TOKEN)
        user_id = None if token is None else await run_in_threadpool(_check, str(token))
        _administrator.set(user_id)
        request.state.administrator_id = user_id
        return user_id is not None

    async def get_user_id(self, request: Request) -> UUID | None:
        user_id: UUID | None = getattr(request.state, "administrator_id", None)
        return user_id


def _check(token: str) -> UUID | None:
    with transaction() as session:
        return sessions.check(session, token, now=clock.now())


def _end(token: str) -> None:
    with transaction() as session:
        sessions.end(session, token, now=clock.now())


class SameOriginOnly:
    """Refuses what changes something unless a page of ours sent it; SQLAdmin's forms carry no token against forgery.

    Browsers say where a request comes from by Sec-Fetch-Site (W3C Fetch Metadata), older ones by Origin or
    Referer. Actions are links, so they are guarded too. Beside it stands the cookie's SameSite=Strict.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _changes(scope) and not _from_here(Headers(scope=scope)):
            refused = PlainTextResponse("This was not sent by a page of this site.", status_code=403)
            await refused(scope, receive, send)
            return
        await self.app(scope, receive, send)


def _changes(scope: Scope) -> bool:
    return scope["method"] not in ("GET", "HEAD") or "/action/" in scope["path"]


def _from_here(headers: Headers) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    source = headers.get("origin") or headers.get("referer")
    return source is not None and urlsplit(source).netloc == headers.get("host")
