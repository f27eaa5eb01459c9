"""Trips, stops and events of vehicles; sources with priorities; settings of fleets and devices."""

from alembic import op

from migrations.sql_file import statements

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements("0002_intervals_up.sql"):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements("0002_intervals_down.sql"):
        op.execute(statement)
