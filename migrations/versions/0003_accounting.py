"""Accounts of each device and day, from a ledger of batches; refused messages as letters that can be played again."""

from alembic import op

from migrations.sql_file import statements

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements("0003_accounting_up.sql"):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements("0003_accounting_down.sql"):
        op.execute(statement)
