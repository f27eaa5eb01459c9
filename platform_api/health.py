"""/api/health/: do the parts that every request needs answer?"""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from config.database import get_engine
from config.logging import get_logger
from config.redis import sync_redis

log = get_logger(__name__)

router = APIRouter(prefix="/api", tags=["health"])

PartState = Literal["ok", "unreachable"]


class HealthOut(BaseModel):
    status: Literal["ok", "degraded"]
    database: PartState
    redis: PartState


@router.get("/health/", responses={503: {"model": HealthOut, "description": "Which part does not answer"}})
def health(response: Response) -> HealthOut:
    """200 when the database and Redis answer, else 503 naming the part that does not."""
    database, redis = _database(), _redis()
    healthy = database == redis == "ok"
    response.status_code = 200 if healthy else 503
    return HealthOut(status="ok" if healthy else "degraded", database=database, redis=redis)


def _database() -> PartState:
    try:
        with get_engine().connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        log.warning("health: database unreachable", error=str(error))
        return "unreachable"
    return "ok"


def _redis() -> PartState:
    try:
        sync_redis().ping()
    except RedisError as error:
        log.warning("health: redis unreachable", error=str(error))
        return "unreachable"
    return "ok"
