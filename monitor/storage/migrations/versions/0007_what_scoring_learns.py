"""What scoring learns"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "profiles",
        sa.Column("topic_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("since", sa.Integer(), nullable=False),
        sa.Column("own", sa.LargeBinary(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("topic_id", name=op.f("pk_profiles")),
    )
    op.create_table(
        "residuals",
        sa.Column("topic_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("shift", sa.Float(), nullable=False),
        sa.Column("direction", sa.LargeBinary(), nullable=False),
        sa.Column("words", sa.JSON(), nullable=False),
        sa.Column("pulls", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("topic_id", name=op.f("pk_residuals")),
    )
    op.create_table(
        "statistics",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("through", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("total", sa.LargeBinary(), nullable=False),
        sa.Column("pieces", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("model", name=op.f("pk_statistics")),
    )
    op.create_table(
        "votes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("topic_id", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("up", sa.Boolean(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_votes")),
    )
    with op.batch_alter_table("votes", schema=None) as batch_op:
        batch_op.create_index("ix_votes_topic_id", ["topic_id"], unique=False)

    with op.batch_alter_table("items", schema=None) as batch_op:
        batch_op.add_column(sa.Column("score_order", sa.Integer(), nullable=True))
        batch_op.create_index("ix_items_score_order", ["score_order"], unique=False)

    with op.batch_alter_table("scores", schema=None) as batch_op:
        batch_op.add_column(sa.Column("zero_label", sa.Float(), server_default="0", nullable=False))
        batch_op.create_index("ix_scores_topic_id", ["topic_id", "item_id"], unique=False)
