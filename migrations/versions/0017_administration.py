"""Who changed what, and who acted as whom."""

from alembic import op

from migrations.sql_file import statements

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements("0017_administration_up.sql"):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements("0017_administration_down.sql"):
        op.execute(statement)
