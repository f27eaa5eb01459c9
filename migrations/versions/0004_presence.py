"""Presence of devices, and commands to them."""

from alembic import op

from migrations.sql_file import statements

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements("0004_presence_up.sql"):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements("0004_presence_down.sql"):
        op.execute(statement)
