"""Retention by fleet; duty of drivers and what their phones may tell; export and erasure of one driver's data."""

from alembic import op

from migrations.sql_file import statements

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements("0005_privacy_up.sql"):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements("0005_privacy_down.sql"):
        op.execute(statement)
