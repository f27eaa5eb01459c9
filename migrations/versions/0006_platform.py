"""Files, and keys that make a repeated POST harmless."""

from alembic import op

from migrations.sql_file import statements

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements("0006_platform_up.sql"):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements("0006_platform_down.sql"):
        op.execute(statement)
