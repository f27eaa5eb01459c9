"""Groups and schedules of geofences, subscriptions, the inbox."""

from alembic import op

from migrations.sql_file import statements

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements("0015_alerts_up.sql"):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements("0015_alerts_down.sql"):
        op.execute(statement)
