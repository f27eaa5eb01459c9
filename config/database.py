"""Engine, the unit of work, and what may leave the process only after its commit."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.orm import Session, SessionTransaction, sessionmaker

from config.settings import get_settings

_AFTER_COMMIT = "mess_after_commit"


@lru_cache
def get_engine() -> Engine:
    """One engine per process; call `reset_engine()` after a fork."""
    settings = get_settings()
    return create_engine(
        settings.sqlalchemy_url,
        pool_size=settings.database_pool_size,
        max_overflow=0,
        pool_pre_ping=True,
        connect_args={"options": "-c timezone=UTC -c statement_timeout=30000"},
    )


def reset_engine() -> None:
    """Forget inherited connections (Celery's forked children) without closing the parent's."""
    if get_engine.cache_info().currsize:
        get_engine().dispose(close=False)
        get_engine.cache_clear()


SessionFactory: sessionmaker[Session] = sessionmaker(expire_on_commit=False)


@contextmanager
def transaction() -> Iterator[Session]:
    """One unit of work: commits at the end, rolls back on any exception. Only edges open one."""
    with SessionFactory(bind=get_engine()) as session, session.begin():
        yield session


def after_commit(session: Session, callback: Callable[[], None]) -> None:
    """Run `callback` once the session's outermost transaction has committed; never on rollback."""
    session.info.setdefault(_AFTER_COMMIT, []).append(callback)


@event.listens_for(SessionFactory, "after_commit")
def _run_callbacks(session: Session) -> None:
    # Also fires when a savepoint is released; nothing is durable then.
    if session.in_nested_transaction():
        return
    for callback in session.info.pop(_AFTER_COMMIT, ()):
        callback()


@event.listens_for(SessionFactory, "after_soft_rollback")
def _drop_callbacks(session: Session, previous: SessionTransaction) -> None:
    if not previous.nested:
        session.info.pop(_AFTER_COMMIT, None)
