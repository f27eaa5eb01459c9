"""A fresh migrated database per test module, cloned from a template that is migrated once."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from config.migrate import migrate


class DatabaseServer:
    """One PostgreSQL server of a test run, given by the URL of a database that we may connect to."""

    def __init__(self, url: str) -> None:
        self._admin_url = url
        self._base, _, _ = url.rpartition("/")
        self._template: str | None = None

    @contextmanager
    def fresh(self, *, migrated: bool = True) -> Iterator[str]:
        """The URL of a new database; dropped afterwards, whoever is still connected."""
        name = _unique("test")
        with self._admin() as admin:
            if migrated:
                template = self._migrated_template(admin)
                admin.execute(
                    sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                        sql.Identifier(name), sql.Identifier(template)
                    )
                )
            else:
                admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield f"{self._base}/{name}"
        finally:
            self._drop(name)

    def close(self) -> None:
        """Drop the template (matters on a server that outlives the run)."""
        if self._template is not None:
            with self._admin() as admin:
                admin.execute(
                    sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(self._template))
                )
            self._drop(self._template)
            self._template = None

    def _admin(self) -> psycopg.Connection:
        return psycopg.connect(self._admin_url, autocommit=True)

    def _migrated_template(self, admin: psycopg.Connection) -> str:
        if self._template is None:
            name = _unique("template")
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            migrate(f"{self._base}/{name}")
            # TimescaleDB's scheduler keeps a connection open, and a database in use is no template.
            admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
            admin.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            self._template = name
        return self._template

    def _drop(self, name: str) -> None:
        with self._admin() as admin:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _unique(kind: str) -> str:
    return f"mess_{kind}_{uuid.uuid4().hex[:12]}"
