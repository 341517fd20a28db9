"""What a channel's digest would say if it were due right now."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from monitor.digest import digest_of
from monitor.digesting import ending, last_due
from monitor.records import Digest, DigestPlan, Topic
from monitor.storage import open_storage

__all__ = ["as_json", "preview"]


def preview(url: str, channel: str, topics: Sequence[Topic], plan: DigestPlan, now: datetime) -> Digest:
    """Return the digest of the day or week up to now; its hour is that of ``now``, whatever the plan says.

    ``url`` is the database's, which is only read; StorageError if there is none.
    """
    due = ending(plan, now)
    storage = open_storage(url, read_only=True)
    try:
        return digest_of(storage.digests, channel, topics, due, last_due(due, now))
    finally:
        storage.close()


def as_json(digest: Digest) -> dict[str, Any]:
    """Return a digest as plain values."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(digest), default=datetime.isoformat))
    return plain
