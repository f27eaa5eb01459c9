"""Orders: stops, windows, documents, templates, fees; links for consignees."""

from alembic import op

from migrations.sql_file import statements

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements("0010_orders_up.sql"):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements("0010_orders_down.sql"):
        op.execute(statement)
