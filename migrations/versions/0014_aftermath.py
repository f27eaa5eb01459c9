"""Ratings, disputes, refunds, incidents, reliability."""

from alembic import op

from migrations.sql_file import statements

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements("0014_aftermath_up.sql"):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements("0014_aftermath_down.sql"):
        op.execute(statement)
