"""One-time codes, attempts, sessions by device."""

from alembic import op

from migrations.sql_file import statements

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements("0007_sign_in_up.sql"):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements("0007_sign_in_down.sql"):
        op.execute(statement)
