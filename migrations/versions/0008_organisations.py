"""Organisations, members, invitations; profiles; documents that prove who somebody is."""

from alembic import op

from migrations.sql_file import statements

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements("0008_organisations_up.sql"):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements("0008_organisations_down.sql"):
        op.execute(statement)
