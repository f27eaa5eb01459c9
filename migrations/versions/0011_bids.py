"""Revisions, counter-offers, direct offers, margins of freight brokers."""

from alembic import op

from migrations.sql_file import statements

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements("0011_bids_up.sql"):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements("0011_bids_down.sql"):
        op.execute(statement)
