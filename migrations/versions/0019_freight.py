"""Words of stops in the search of orders; proposals of brokerage that are lost with their order."""

from alembic import op

from migrations.sql_file import statements

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements("0019_freight_up.sql"):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements("0019_freight_down.sql"):
        op.execute(statement)
