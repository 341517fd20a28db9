"""The schema. The tables are the queues: a stage finds its work by the rows that lack its mark.

feeds ─< items ─< scores ─< alerts                         vectors (by model and text)
   │       ├────< item_versions
   │       └────< story_items >─ stories ─< posts >─ deliveries
   ├───< troubles
   ├───< subscriptions
   └───< tombstones

statistics, profiles (by topic)        what the stream and each topic's own items have taught
votes, residuals (by topic)            what people said, and the correction that follows
silences, regroupings                  what people muted, and how stories changed other than by growing
digests (by channel)                   which have been made

poll takes feeds that are due; read takes items whose article is waiting; score takes the other items without
``scored_at``; alert takes matched scores without ``decided_at``; tell takes troubles whose beginning or end
is untold; deliver takes deliveries that are neither sent nor failed; heal takes those whose ``heal_at`` has
come; subscribe takes subscriptions whose hub is to be asked.
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Utc(TypeDecorator[datetime]):
    """An aware UTC datetime; SQLite keeps it as text without the zone, so the zone is put back here."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Refuse a naive datetime, which could be any zone's."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        """Give back UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


feeds = sa.Table(
    "feeds",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("url", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("tags", sa.JSON, nullable=False),
    sa.Column("every_seconds", sa.Float, nullable=False),
    sa.Column("alert_backlog_seconds", sa.Float, nullable=False),
    sa.Column("full_text", sa.Boolean, nullable=False),
    # False once the feed has left feeds.yaml: its items and identity stay, in case it comes back.
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("next_poll_at", Utc, nullable=False),
    sa.Column("claimed_until", Utc),
    sa.Column("etag", sa.Text),
    sa.Column("last_modified", sa.Text),
    sa.Column("body_hash", sa.Text),
    sa.Column("first_polled_at", Utc),
    sa.Column("last_polled_at", Utc),
    sa.Column("last_success_at", Utc),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("last_error", sa.Text),
    sa.Column("failure_weight", sa.Float, nullable=False, server_default="0"),
    sa.Column("failure", sa.Text),
    # Where the feed is asked since it has moved; its url stays what feeds.yaml says.
    sa.Column("address", sa.Text),
    sa.Column("moved_to", sa.Text),
    sa.Column("moved_times", sa.Integer, nullable=False, server_default="0"),
    sa.Column("whole_at", Utc),
    sa.Column("mistrusted_at", Utc),
    sa.Column("last_item_at", Utc),
    sa.Column("longest_gap", sa.Float),
    sa.Column("expected_by", Utc),
    sa.Column("steady", sa.Integer, nullable=False, server_default="0"),
    # True where feeds.yaml itself names the interval; the others follow what is learned of their rhythm.
    sa.Column("paced", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("rhythm", sa.JSON),
    # The WebSub hub that the last document named, and the address it knows the feed by.
    sa.Column("hub", sa.Text),
    sa.Column("hub_topic", sa.Text),
    sa.Index("ix_feeds_due", "active", "next_poll_at"),
)

items = sa.Table(
    "items",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("feed_id", sa.ForeignKey("feeds.id"), nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("guid", sa.Text),
    sa.Column("url", sa.Text),
    sa.Column("canonical_url", sa.Text),
    sa.Column("headline_key", sa.Text),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("author", sa.Text),
    sa.Column("published", Utc),
    sa.Column("first_seen", Utc, nullable=False),
    sa.Column("backlog", sa.Boolean, nullable=False),
    # Whether the feed's last document held it.
    sa.Column("listed", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("edited_at", Utc),
    # None: there is no article to read. Else waiting, read, or missing for a reason.
    sa.Column("article_state", sa.Text),
    sa.Column("full_text", sa.Text),
    sa.Column("full_text_missing", sa.Text),
    sa.Column("scored_at", Utc),
    # The how manieth to be scored, an edit aside: what is learned, is learned in this order.
    sa.Column("score_order", sa.Integer),
    sa.UniqueConstraint("feed_id", "key"),
    sa.Index("ix_items_canonical_url", "canonical_url"),
    sa.Index("ix_items_headline_key", "headline_key"),
    sa.Index("ix_items_score_order", "score_order"),
)
sa.Index(
    "ix_items_unscored",
    items.c.backlog,
    items.c.id,
    sqlite_where=items.c.scored_at.is_(None),
    postgresql_where=items.c.scored_at.is_(None),
)

# These conditions are spelled in queries as in their indexes, or SQLite does not see them.
UNREAD = items.c.article_state == sa.literal_column("'waiting'")
sa.Index("ix_items_unread", items.c.id, sqlite_where=UNREAD, postgresql_where=UNREAD)

LISTED = items.c.listed == sa.true()
LEFT = items.c.listed == sa.false()
sa.Index("ix_items_listed", items.c.feed_id, sqlite_where=LISTED, postgresql_where=LISTED)
sa.Index("ix_items_left", items.c.first_seen, sqlite_where=LEFT, postgresql_where=LEFT)

# What edited items told before.
item_versions = sa.Table(
    "item_versions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("item_id", sa.ForeignKey("items.id"), nullable=False),
    sa.Column("seen_at", Utc, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Index("ix_item_versions_item_id", "item_id"),
)

# What items told that retention has removed: it is known, and never new again.
tombstones = sa.Table(
    "tombstones",
    metadata,
    sa.Column("feed_id", sa.ForeignKey("feeds.id"), primary_key=True),
    sa.Column("mark", sa.Text, primary_key=True),
    sqlite_with_rowid=False,
)

troubles = sa.Table(
    "troubles",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    # Of a feed, or of a channel; of neither: of all feeds at once.
    sa.Column("feed_id", sa.ForeignKey("feeds.id")),
    sa.Column("channel", sa.Text),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("began_at", Utc, nullable=False),
    sa.Column("told_at", Utc),
    sa.Column("ended_at", Utc),
    sa.Column("end_told_at", Utc),
)
sa.Index(
    "ix_troubles_open",
    troubles.c.feed_id,
    sqlite_where=troubles.c.ended_at.is_(None),
    postgresql_where=troubles.c.ended_at.is_(None),
)
UNTOLD = sa.or_(
    troubles.c.told_at.is_(None),
    sa.and_(troubles.c.ended_at.is_not(None), troubles.c.end_told_at.is_(None)),
)
sa.Index("ix_troubles_untold", troubles.c.id, sqlite_where=UNTOLD, postgresql_where=UNTOLD)

subscriptions = sa.Table(
    "subscriptions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("feed_id", sa.ForeignKey("feeds.id"), nullable=False),
    sa.Column("hub", sa.Text, nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    # An address that cannot be guessed, and a secret: random values of our own, of no use anywhere else.
    sa.Column("callback", sa.Text, nullable=False, unique=True),
    sa.Column("secret", sa.Text, nullable=False),
    # False: the hub is asked to end it. At most one of a feed's is wanted.
    sa.Column("wanted", sa.Boolean, nullable=False),
    sa.Column("ask_at", Utc, nullable=False),
    sa.Column("asks", sa.Integer, nullable=False, server_default="0"),
    sa.Column("last_error", sa.Text),
    sa.Column("lease_until", Utc),
    sa.Column("pinged_at", Utc),
    sa.Column("trusted", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("forged", sa.Integer, nullable=False, server_default="0"),
    sa.UniqueConstraint("feed_id", "hub", "topic"),
)

vectors = sa.Table(
    "vectors",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("text_hash", sa.Text, primary_key=True),
    sa.Column("vector", sa.LargeBinary, nullable=False),  # float16, little-endian, unit length
    sqlite_with_rowid=False,
)

scores = sa.Table(
    "scores",
    metadata,
    sa.Column("item_id", sa.ForeignKey("items.id"), primary_key=True),
    sa.Column("topic_id", sa.Text, primary_key=True),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("matched", sa.Boolean, nullable=False),
    sa.Column("evidence", sa.JSON, nullable=False),
    # The score of headline and summary before votes and rules of words.
    sa.Column("zero_label", sa.Float, nullable=False, server_default="0"),
    sa.Column("decided_at", Utc),
    sa.Index("ix_scores_topic_id", "topic_id", "item_id"),
)
sa.Index(
    "ix_scores_undecided",
    # In the order in which they are decided on: else every score is looked at, at every tick.
    scores.c.item_id,
    scores.c.topic_id,
    sqlite_where=sa.and_(scores.c.matched, scores.c.decided_at.is_(None)),
    postgresql_where=sa.and_(scores.c.matched, scores.c.decided_at.is_(None)),
)

# One row, of the model in use. Numbers are plain little-endian arrays: float64, and uint32 for counts.
statistics = sa.Table(
    "statistics",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("through", sa.Integer, nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("total", sa.LargeBinary, nullable=False),
    sa.Column("pieces", sa.LargeBinary, nullable=False),
)

profiles = sa.Table(
    "profiles",
    metadata,
    sa.Column("topic_id", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("since", sa.Integer, nullable=False),
    sa.Column("own", sa.LargeBinary, nullable=False),
    sa.Column("weight", sa.Float, nullable=False),
)

# A vote is on a text, so that it outlives the item.
votes = sa.Table(
    "votes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("topic_id", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("url", sa.Text),
    sa.Column("up", sa.Boolean, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", Utc, nullable=False),
    sa.Column("undone_at", Utc),
    sa.Index("ix_votes_topic_id", "topic_id"),
)

residuals = sa.Table(
    "residuals",
    metadata,
    sa.Column("topic_id", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("shift", sa.Float, nullable=False),
    sa.Column("direction", sa.LargeBinary, nullable=False),
    sa.Column("words", sa.JSON, nullable=False),  # weight by word piece
    sa.Column("pulls", sa.JSON, nullable=False),  # what each example and vote adds, in logits
)

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("topic_id", sa.Text, primary_key=True),
    sa.Column("item_id", sa.ForeignKey("items.id"), primary_key=True),
    sa.Column("decision", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("decided_at", Utc, nullable=False),
    # What an item is referred to by has to be found when it is removed.
    sa.Index("ix_alerts_item_id", "item_id"),
)

# Everything known of a story is its items; their order of being placed is that of their ids.
stories = sa.Table(
    "stories",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("topic_id", sa.Text, nullable=False),
    sa.Column("opened_at", Utc, nullable=False),
    sa.Column("touched_at", Utc, nullable=False),
    sa.Index("ix_stories_topic_id", "topic_id", "touched_at"),
    # Never given twice: people and other programs refer to stories by it.
    sqlite_autoincrement=True,
)

story_items = sa.Table(
    "story_items",
    metadata,
    sa.Column("topic_id", sa.Text, primary_key=True),
    sa.Column("item_id", sa.ForeignKey("items.id"), primary_key=True),
    sa.Column("story_id", sa.ForeignKey("stories.id"), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("score", sa.Float, nullable=False),
    # The item of a story that it is most like, be it this story's or one that it was kept apart from.
    sa.Column("like_id", sa.ForeignKey("items.id")),
    sa.Index("ix_story_items_item_id", "item_id"),
    sa.Index("ix_story_items_story_id", "story_id"),
    sa.Index("ix_story_items_like_id", "like_id"),
)

# A log; how long it is says whether what is remembered of stories still holds.
regroupings = sa.Table(
    "regroupings",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", Utc, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
)

# A story in a channel: the message that it is told in, and what its readers know.
posts = sa.Table(
    "posts",
    metadata,
    sa.Column("story_id", sa.ForeignKey("stories.id"), primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("topic_id", sa.Text, nullable=False),
    sa.Column("delivery_id", sa.ForeignKey("deliveries.id"), nullable=False),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("told_at", Utc, nullable=False),
    # As of the last message that the channel itself showed.
    sa.Column("loud_at", Utc, nullable=False),
    sa.Column("loud_sources", sa.Integer, nullable=False),
    sa.Column("loud_score", sa.Float, nullable=False),
    sa.Column("loud_toll", sa.Integer, nullable=False),
    # None: nobody is to be reminded, or somebody has acknowledged it.
    sa.Column("remind_at", Utc),
    sa.Column("remind_seconds", sa.Float),
    sa.Column("reminders", sa.Integer, nullable=False, server_default="0"),
    sa.Column("acked_by", sa.Text),
    sa.Column("acked_at", Utc),
    sa.Index("ix_posts_delivery_id", "delivery_id"),
    sa.Index("ix_posts_channel", "channel", "told_at"),
)
sa.Index(
    "ix_posts_remind_at",
    posts.c.remind_at,
    sqlite_where=posts.c.remind_at.is_not(None),
    postgresql_where=posts.c.remind_at.is_not(None),
)

silences = sa.Table(
    "silences",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("topic_id", sa.Text),
    sa.Column("feed", sa.Text),
    sa.Column("term", sa.Text),
    sa.Column("until", Utc, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("ended_at", Utc),
)

digests = sa.Table(
    "digests",
    metadata,
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("period", sa.Text, primary_key=True),
    sa.Column("until", Utc, primary_key=True),
    # None: there was nothing to tell.
    sa.Column("delivery_id", sa.ForeignKey("deliveries.id")),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    # The order of a channel's messages; the id is derived from what is told to whom.
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    # Without all three: told to those who run the service, or a digest.
    sa.Column("topic_id", sa.Text),
    sa.Column("item_id", sa.ForeignKey("items.id")),
    sa.Column("story_id", sa.ForeignKey("stories.id")),
    sa.Column("kind", sa.Text, nullable=False, server_default="post"),
    # The delivery whose thread a reply goes into, or that an edit changes.
    sa.Column("parent_id", sa.ForeignKey("deliveries.id")),
    sa.Column("broadcast", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("not_before", Utc),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("message", sa.JSON, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("first_try_at", Utc),
    sa.Column("last_error", sa.Text),
    sa.Column("receipt_channel", sa.Text),
    sa.Column("receipt_ts", sa.Text),
    sa.Column("settled_at", Utc),
    # When to look whether the message is there twice; None: never again.
    sa.Column("heal_at", Utc),
    sa.Index("ix_deliveries_item_id", "item_id"),
    sa.Index("ix_deliveries_story_id", "story_id"),
    sa.Index("ix_deliveries_parent_id", "parent_id"),
    # What people react to is known by where it stands.
    sa.Index("ix_deliveries_receipt_ts", "receipt_ts"),
)
sa.Index(
    "ix_deliveries_heal_at",
    deliveries.c.heal_at,
    sqlite_where=deliveries.c.heal_at.is_not(None),
    postgresql_where=deliveries.c.heal_at.is_not(None),
)
OPEN = deliveries.c.state.in_(
    [sa.literal_column(f"'{state}'") for state in ("pending", "sending", "in_doubt")]
)
sa.Index(
    "ix_deliveries_open",
    deliveries.c.channel,
    deliveries.c.position,
    sqlite_where=OPEN,
    postgresql_where=OPEN,
)
