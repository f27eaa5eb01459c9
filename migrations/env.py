"""Alembic environment: the database of the settings, and which tables autogenerate may look at."""

from alembic import context
from sqlalchemy import create_engine, pool

from config.settings import get_settings
from migrations.hands_off import include_name


def run() -> None:
    url = context.config.get_main_option("sqlalchemy.url") or get_settings().sqlalchemy_url
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        # A migration that waits for a lock blocks everybody behind it; fail instead.
        connection.exec_driver_sql("SET lock_timeout = '5s'")
        connection.commit()
        context.configure(connection=connection, include_name=include_name, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()


run()
