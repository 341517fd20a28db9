"""Stories, the posts they are told in, silences and digests."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "regroupings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_regroupings")),
    )
    op.create_table(
        "silences",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("topic_id", sa.Text(), nullable=True),
        sa.Column("feed", sa.Text(), nullable=True),
        sa.Column("term", sa.Text(), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_silences")),
    )
    op.create_table(
        "stories",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("topic_id", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("touched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stories")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("stories", schema=None) as batch_op:
        batch_op.create_index("ix_stories_topic_id", ["topic_id", "touched_at"], unique=False)

    op.create_table(
        "story_items",
        sa.Column("topic_id", sa.Text(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("story_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("like_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_story_items_item_id")),
        sa.ForeignKeyConstraint(["like_id"], ["items.id"], name=op.f("fk_story_items_like_id")),
        sa.ForeignKeyConstraint(["story_id"], ["stories.id"], name=op.f("fk_story_items_story_id")),
        sa.PrimaryKeyConstraint("topic_id", "item_id", name=op.f("pk_story_items")),
    )
    with op.batch_alter_table("story_items", schema=None) as batch_op:
        batch_op.create_index("ix_story_items_item_id", ["item_id"], unique=False)
        batch_op.create_index("ix_story_items_like_id", ["like_id"], unique=False)
        batch_op.create_index("ix_story_items_story_id", ["story_id"], unique=False)

    op.create_table(
        "digests",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name=op.f("fk_digests_delivery_id")),
        sa.PrimaryKeyConstraint("channel", "period", "until", name=op.f("pk_digests")),
    )
    op.create_table(
        "posts",
        sa.Column("story_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("topic_id", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("loud_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("loud_sources", sa.Integer(), nullable=False),
        sa.Column("loud_score", sa.Float(), nullable=False),
        sa.Column("loud_toll", sa.Integer(), nullable=False),
        sa.Column("remind_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("remind_seconds", sa.Float(), nullable=True),
        sa.Column("reminders", sa.Integer(), server_default="0", nullable=False),
        sa.Column("acked_by", sa.Text(), nullable=True),
        sa.Column("acked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name=op.f("fk_posts_delivery_id")),
        sa.ForeignKeyConstraint(["story_id"], ["stories.id"], name=op.f("fk_posts_story_id")),
        sa.PrimaryKeyConstraint("story_id", "channel", name=op.f("pk_posts")),
    )
    with op.batch_alter_table("posts", schema=None) as batch_op:
        batch_op.create_index("ix_posts_channel", ["channel", "told_at"], unique=False)
        batch_op.create_index("ix_posts_delivery_id", ["delivery_id"], unique=False)
        batch_op.create_index(
            "ix_posts_remind_at",
            ["remind_at"],
            unique=False,
            sqlite_where=sa.text("remind_at IS NOT NULL"),
            postgresql_where=sa.text("remind_at IS NOT NULL"),
        )

    waiting = sa.text("matched = 1 AND decided_at IS NULL")
    op.drop_index("ix_scores_undecided", "scores")
    op.create_index(
        "ix_scores_undecided",
        "scores",
        ["item_id", "topic_id"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )

    op.execute(_STORIES)
    op.execute(_FIRST)
    op.execute(_COPIES)
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_alerts_duplicate_of"))
        batch_op.drop_constraint(batch_op.f("fk_alerts_duplicate_of"), type_="foreignkey")
        batch_op.drop_column("duplicate_of")

    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.add_column(sa.Column("story_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("kind", sa.Text(), server_default="post", nullable=False))
        batch_op.add_column(sa.Column("parent_id", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("broadcast", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("not_before", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index("ix_deliveries_parent_id", ["parent_id"], unique=False)
        batch_op.create_index("ix_deliveries_story_id", ["story_id"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_deliveries_story_id"), "stories", ["story_id"], ["id"])
        batch_op.create_foreign_key(
            batch_op.f("fk_deliveries_parent_id"), "deliveries", ["parent_id"], ["id"]
        )
    op.execute(_OF_STORIES)
    op.execute(_POSTS)


# What was told before there were stories: one of each alert, with its copies and its messages, so that what
# tells of it again goes into its thread.
_STORIES = """
INSERT INTO stories (id, topic_id, opened_at, touched_at)
SELECT ROW_NUMBER() OVER (ORDER BY alerts.item_id, alerts.topic_id), alerts.topic_id, items.first_seen,
       items.first_seen
FROM alerts JOIN items ON items.id = alerts.item_id WHERE alerts.decision = 'alert'
"""
_FIRST = """
INSERT INTO story_items (topic_id, item_id, story_id, reason, score)
SELECT topic_id, item_id, ROW_NUMBER() OVER (ORDER BY item_id, topic_id), 'first', 0
FROM alerts WHERE decision = 'alert'
"""
_COPIES = """
INSERT INTO story_items (topic_id, item_id, story_id, reason, score, like_id)
SELECT alerts.topic_id, alerts.item_id, first.story_id, 'same_headline', 100, alerts.duplicate_of
FROM alerts JOIN story_items AS first
ON first.topic_id = alerts.topic_id AND first.item_id = alerts.duplicate_of
"""
_OF_STORIES = """
UPDATE deliveries SET story_id = (
    SELECT story_id FROM story_items
    WHERE story_items.topic_id = deliveries.topic_id AND story_items.item_id = deliveries.item_id
)
"""
_POSTS = """
INSERT INTO posts (story_id, channel, topic_id, delivery_id, level, told_at, loud_at, loud_sources,
                   loud_score, loud_toll)
SELECT told.story_id, told.channel, told.topic_id, told.id,
       CASE WHEN told.message ->> 'mention' IS NULL THEN 'routine' ELSE 'urgent' END,
       told.created_at, told.created_at, 1, scores.score, 0
FROM deliveries AS told
JOIN scores ON scores.topic_id = told.topic_id AND scores.item_id = told.item_id
WHERE told.position IN (
    SELECT MIN(position) FROM deliveries WHERE story_id IS NOT NULL AND state <> 'failed'
    GROUP BY story_id, channel
)
"""
