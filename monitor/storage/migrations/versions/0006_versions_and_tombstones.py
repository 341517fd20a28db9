"""Versions and tombstones"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tombstones",
        sa.Column("feed_id", sa.Integer(), nullable=False),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["feed_id"], ["feeds.id"], name=op.f("fk_tombstones_feed_id")),
        sa.PrimaryKeyConstraint("feed_id", "mark", name=op.f("pk_tombstones")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "item_versions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_item_versions_item_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item_versions")),
    )
    with op.batch_alter_table("item_versions", schema=None) as batch_op:
        batch_op.create_index("ix_item_versions_item_id", ["item_id"], unique=False)

    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.create_index("ix_alerts_duplicate_of", ["duplicate_of"], unique=False)
        batch_op.create_index("ix_alerts_item_id", ["item_id"], unique=False)

    with op.batch_alter_table("items", schema=None) as batch_op:
        batch_op.add_column(sa.Column("listed", sa.Boolean(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(
            "ix_items_left",
            ["first_seen"],
            unique=False,
            sqlite_where=sa.text("listed = 0"),
            postgresql_where=sa.text("listed = 0"),
        )
        batch_op.create_index(
            "ix_items_listed",
            ["feed_id"],
            unique=False,
            sqlite_where=sa.text("listed = 1"),
            postgresql_where=sa.text("listed = 1"),
        )

    # What feeds show is not on record yet: nothing has left before its feed has shown a whole document again.
    op.execute("UPDATE items SET listed = 1 WHERE feed_id IN (SELECT id FROM feeds WHERE active)")
    op.execute("UPDATE feeds SET etag = NULL, last_modified = NULL, body_hash = NULL")
