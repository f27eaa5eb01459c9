"""Webhooks, API keys, bulk exports."""

from alembic import op

from migrations.sql_file import statements

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements("0016_integrations_up.sql"):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements("0016_integrations_down.sql"):
        op.execute(statement)
