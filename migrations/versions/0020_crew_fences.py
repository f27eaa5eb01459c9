"""Which fence watched a crew's truck at the pickup: its waiting there counts after another took its place."""

from alembic import op

from migrations.sql_file import statements

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements("0020_crew_fences_up.sql"):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements("0020_crew_fences_down.sql"):
        op.execute(statement)
