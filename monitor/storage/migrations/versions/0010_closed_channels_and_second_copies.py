"""Channels may be in trouble too; and when a message is to be looked at that may be there twice."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("troubles", sa.Column("channel", sa.Text(), nullable=True))
    op.add_column("deliveries", sa.Column("heal_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_deliveries_heal_at",
        "deliveries",
        ["heal_at"],
        unique=False,
        sqlite_where=sa.text("heal_at IS NOT NULL"),
        postgresql_where=sa.text("heal_at IS NOT NULL"),
    )
