"""Vehicle types, legal limits, documents of vehicles and drivers, pairing codes, unavailability."""

from alembic import op

from migrations.sql_file import statements

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements("0009_fleet_up.sql"):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements("0009_fleet_down.sql"):
        op.execute(statement)
