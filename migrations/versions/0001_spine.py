"""The spine: devices, vehicles, pings, geofences, visits, orders, users."""

from alembic import op

from config.storage_level import StorageLevel, detect_level, pings_hypertable_sql
from migrations.sql_file import statements

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements("0001_spine_up.sql"):
        op.execute(statement)
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    level = detect_level(connection)
    if level is not StorageLevel.PLAIN:
        for statement in pings_hypertable_sql(level):
            op.execute(statement)


def downgrade() -> None:
    for statement in statements("0001_spine_down.sql"):
        op.execute(statement)
