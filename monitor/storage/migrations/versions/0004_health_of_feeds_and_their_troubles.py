"""Health of feeds and their troubles"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "troubles",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("feed_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_told_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["feed_id"], ["feeds.id"], name=op.f("fk_troubles_feed_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_troubles")),
    )
    with op.batch_alter_table("troubles", schema=None) as batch_op:
        batch_op.create_index(
            "ix_troubles_open",
            ["feed_id"],
            unique=False,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )
        batch_op.create_index(
            "ix_troubles_untold",
            ["id"],
            unique=False,
            sqlite_where=sa.text("told_at IS NULL OR ended_at IS NOT NULL AND end_told_at IS NULL"),
            postgresql_where=sa.text("told_at IS NULL OR ended_at IS NOT NULL AND end_told_at IS NULL"),
        )

    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.alter_column("topic_id", existing_type=sa.TEXT(), nullable=True)
        batch_op.alter_column("item_id", existing_type=sa.INTEGER(), nullable=True)

    with op.batch_alter_table("feeds", schema=None) as batch_op:
        batch_op.add_column(sa.Column("failure_weight", sa.Float(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("failure", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("address", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("moved_to", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("moved_times", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("whole_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("mistrusted_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("last_item_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("longest_gap", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("expected_by", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("steady", sa.Integer(), server_default="0", nullable=False))
