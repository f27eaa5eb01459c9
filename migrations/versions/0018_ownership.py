"""A business is handed over to one of its members; texts are no longer in the audit log."""

from alembic import op

from migrations.sql_file import statements

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements("0018_ownership_up.sql"):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements("0018_ownership_down.sql"):
        op.execute(statement)
