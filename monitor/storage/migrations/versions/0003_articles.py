"""Articles of items whose feed asks for their full text"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("items", schema=None) as batch_op:
        batch_op.add_column(sa.Column("article_state", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("full_text", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("full_text_missing", sa.Text(), nullable=True))
        batch_op.create_index(
            "ix_items_unread",
            ["id"],
            unique=False,
            sqlite_where=sa.text("article_state = 'waiting'"),
            postgresql_where=sa.text("article_state = 'waiting'"),
        )
