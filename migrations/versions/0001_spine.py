"""The spine: devices, vehicles, pings, geofences, visits, orders, users."""

from pathlib import Path

from alembic import op

from config.storage_level import StorageLevel, detect_level, pings_hypertable_sql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql"


def _statements(name: str) -> list[str]:
    text = (SQL / name).read_text(encoding="utf-8")
    return [part.strip() for part in text.split(";\n") if part.strip()]


def upgrade() -> None:
    for statement in _statements("0001_spine_up.sql"):
        op.execute(statement)
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    level = detect_level(connection)
    if level is not StorageLevel.PLAIN:
        for statement in pings_hypertable_sql(level):
            op.execute(statement)


def downgrade() -> None:
    for statement in _statements("0001_spine_down.sql"):
        op.execute(statement)
