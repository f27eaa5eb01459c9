"""ws/alerts/: the inbox of the party one acts for, live."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, WebSocket
from sqlalchemy.orm import Session

from platform_api.actor import Actor
from platform_api.alerts.live import AlertViewer, Seen, look
from platform_api.languages import language_of
from platform_api.tracking.sockets import Access, LiveParts, serve

router = APIRouter()


@router.websocket("/ws/alerts/")
async def watch_inbox(websocket: WebSocket) -> None:
    language = language_of(websocket)

    async def session(access: Access, parts: LiveParts) -> None:
        def party(_: Session, actor: Actor, __: datetime) -> UUID:
            return actor.party_id

        async def see(ids: Collection[int] | None) -> Seen:
            return await access.look_up(lambda database, actor, _: look(database, actor, language, ids))

        party_id = await access.look_up(party)
        await AlertViewer(websocket, parts.hub, see, party_id, expires_at=access.expires_at).run()

    await serve(websocket, session)
