"""Loading, proof of delivery, waybills."""

from alembic import op

from migrations.sql_file import statements

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements("0012_execution_up.sql"):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements("0012_execution_down.sql"):
        op.execute(statement)
