"""Messages are found by where they stand, when somebody reacts to one."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_deliveries_receipt_ts", "deliveries", ["receipt_ts"], unique=False)
