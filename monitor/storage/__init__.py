"""The door of storage: ``open_storage``, and what may be asked of it: by the stages, and by people.

All methods block, and are called through storage's own thread.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from monitor.records import Check
from monitor.storage.people import AlertFeedStore, Ledger, OutboxStore, ReviewStore, SilenceStore, StoryStore
from monitor.storage.stages import (
    AlertStore,
    DeliverStore,
    DigestStore,
    EmbeddedStore,
    FeedbackStore,
    HealStore,
    LearnedStore,
    PollStore,
    ReadStore,
    RetentionStore,
    ScoreStore,
    SubscriptionStore,
    TroubleStore,
    VoteStore,
)

__all__ = [
    "AlertFeedStore",
    "AlertStore",
    "DeliverStore",
    "DigestStore",
    "EmbeddedStore",
    "FeedbackStore",
    "HealStore",
    "LearnedStore",
    "Ledger",
    "OutboxStore",
    "PollStore",
    "ReadStore",
    "RetentionStore",
    "ReviewStore",
    "ScoreStore",
    "SilenceStore",
    "Storage",
    "StoryStore",
    "SubscriptionStore",
    "TroubleStore",
    "VoteStore",
    "back_up",
    "check_storage",
    "open_storage",
    "schema_versions",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """The open database, one narrow store per stage."""

    polls: PollStore
    reads: ReadStore
    scores: ScoreStore
    embedded: EmbeddedStore
    learned: LearnedStore
    votes: VoteStore
    alerts: AlertStore
    troubles: TroubleStore
    digests: DigestStore
    subscriptions: SubscriptionStore
    deliveries: DeliverStore
    healing: HealStore
    feedback: FeedbackStore
    retention: RetentionStore
    ledger: Ledger
    review: ReviewStore
    silences: SilenceStore
    stories: StoryStore
    alert_feeds: AlertFeedStore
    outbox: OutboxStore
    close: Callable[[], None]


def open_storage(url: str, *, read_only: bool = False, guest: bool = False, durable: bool = True) -> Storage:
    """Open the database at ``url``, made or migrated if need be; raise StorageError if it can't be served.

    A ``guest`` may write while another process has the database, and expects it to be of this version.
    ``durable=False`` is for a database that is thrown away: faster, and it need not survive a power cut.
    """
    from monitor.storage.alertfeeds import SqlAlertFeedStore
    from monitor.storage.alerts import SqlAlertStore
    from monitor.storage.deliveries import SqlDeliverStore
    from monitor.storage.digests import SqlDigestStore
    from monitor.storage.embedded import SqlEmbeddedStore
    from monitor.storage.engine import open_engine
    from monitor.storage.feedback import SqlFeedbackStore
    from monitor.storage.healing import SqlHealStore
    from monitor.storage.learned import SqlLearnedStore
    from monitor.storage.ledger import SqlLedger
    from monitor.storage.outbox import SqlOutboxStore
    from monitor.storage.polls import SqlPollStore
    from monitor.storage.reads import SqlReadStore
    from monitor.storage.regroup import SqlStoryStore
    from monitor.storage.retention import SqlRetentionStore
    from monitor.storage.review import SqlReviewStore
    from monitor.storage.scores import SqlScoreStore
    from monitor.storage.silences import SqlSilenceStore
    from monitor.storage.subscriptions import SqlSubscriptionStore
    from monitor.storage.troubles import SqlTroubleStore
    from monitor.storage.votes import SqlVoteStore

    engine, close = open_engine(url, read_only=read_only, guest=guest, durable=durable)
    return Storage(
        polls=SqlPollStore(engine),
        reads=SqlReadStore(engine),
        scores=SqlScoreStore(engine),
        embedded=SqlEmbeddedStore(engine),
        learned=SqlLearnedStore(engine),
        votes=SqlVoteStore(engine),
        alerts=SqlAlertStore(engine),
        troubles=SqlTroubleStore(engine),
        digests=SqlDigestStore(engine),
        subscriptions=SqlSubscriptionStore(engine),
        deliveries=SqlDeliverStore(engine),
        healing=SqlHealStore(engine),
        feedback=SqlFeedbackStore(engine),
        retention=SqlRetentionStore(engine),
        ledger=SqlLedger(engine),
        review=SqlReviewStore(engine),
        silences=SqlSilenceStore(engine),
        stories=SqlStoryStore(engine),
        alert_feeds=SqlAlertFeedStore(engine),
        outbox=SqlOutboxStore(engine),
        close=close,
    )


def schema_versions(url: str) -> tuple[str | None, str]:
    """Return the version of a database's schema, None if it has none, and the one that this monitor needs.

    StorageError if there is no database at ``url``, or it cannot be read.
    """
    from monitor.storage.backups import expect_database
    from monitor.storage.engine import schema_of, trusted_path

    path = trusted_path(url)
    expect_database(path)
    return schema_of(path)


def back_up(url: str, file: Path) -> int:
    """Copy the database at ``url`` to a file, also while it is in use, and return the copy's bytes.

    The copy is whole and checked when it appears, in the place of whatever was there. StorageError if it
    cannot be made.
    """
    from monitor.storage.backups import copy_database
    from monitor.storage.engine import trusted_path

    return copy_database(trusted_path(url), file)


def check_storage(url: str) -> Iterator[Check]:
    """Yield what is found about the database at ``url`` and where it lies; all of the file is read."""
    from monitor.storage.checks import check_storage

    return check_storage(url)
