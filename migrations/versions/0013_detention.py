"""Planned routes, corridors, expected arrivals, waiting at the gates."""

from alembic import op

from migrations.sql_file import statements

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements("0013_detention_up.sql"):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements("0013_detention_down.sql"):
        op.execute(statement)
