"""Beside the stages: after a change of model, the vectors of recent items are made anew, newest first.

What has no vector is the work that is left, so it may end at any moment and goes on where it ended. Meanwhile
new items are scored with the new model: they wait for one small step at most.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from monitor.errors import DatabaseInUseError, StorageError
from monitor.passages import passages
from monitor.settings import Settings
from monitor.storage import EmbeddedStore, Storage, open_storage
from monitor.threads import OwnThread
from monitor.vectorise import Vectoriser, load_encoder

logger = logging.getLogger(__name__)

_STEP = 16
"""Items encoded together."""
_TOLD_EVERY = 1000
"""Items."""

OnProgress = Callable[[int, int], None]
"""Called with the number of items done, and of items in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reembedded:
    """What came of it: the model in use, texts encoded with it, vectors of other models removed."""

    model: str
    encoded: int
    dropped: int


class Reembed:
    """Sees to it that every item since some moment has its vectors of the model in use."""

    def __init__(
        self,
        *,
        store: EmbeddedStore,
        database: OwnThread,
        vectors: Vectoriser,
        since: datetime,
        on_progress: OnProgress = lambda _done, _items: None,
    ) -> None:
        self._store = store
        self._database = database
        self._vectors = vectors
        self._since = since
        self._on_progress = on_progress
        self._before: int | None = None
        self._done = 0
        self._made = 0
        self._finished = False

    async def work(self) -> int:
        """Encode what has no vector yet; return how many texts that were. Once done, it stays done."""
        if self._finished:
            return 0
        total = await self._database(self._store.count_scored, self._since)
        started, made_before = time.monotonic(), self._made
        while items := await self._database(self._store.scored, self._since, self._before, _STEP):
            made = await self._vectors.complete([text for item in items for text in passages(item)])
            if made and not self._made:
                await self._tell_change(total)
            self._made += made
            self._before = items[-1].id
            self._done += len(items)
            self._on_progress(self._done, max(total, self._done))
            if self._made and self._done % _TOLD_EVERY < _STEP:
                logger.info("reembedding", extra={"done": self._done, "items": total})
        self._finished = True
        made = self._made - made_before
        if made:
            seconds = round(time.monotonic() - started, 1)
            logger.info("reembedded", extra={"model": self._vectors.model, "texts": made, "seconds": seconds})
        return made

    async def _tell_change(self, items: int) -> None:
        others = [model for model in await self._database(self._store.models) if model != self._vectors.model]
        if others:
            change = {"from": ", ".join(others), "to": self._vectors.model, "items": items}
            hint = "items since then are embedded again; `monitor reembed --days` goes further back"
            logger.warning("model_changed", extra=change | {"since": self._since.isoformat(), "hint": hint})


async def reembed_now(
    settings: Settings, since: datetime, *, drop_old: bool, on_progress: OnProgress
) -> Reembedded:
    """Encode with the model in use what was first seen ``since`` and has no vector of it yet.

    Raises StorageError or ModelError; StorageError beside a running service, which does it by itself.
    """
    database, encoding = OwnThread("database"), OwnThread("encoder")
    try:
        storage = await database(_open_alone, settings.storage.url)
        try:
            encoder = await encoding(load_encoder, settings.encoder)
            reembed = Reembed(
                store=storage.embedded,
                database=database,
                vectors=Vectoriser(
                    store=storage.scores, database=database, encoder=encoder, encoding=encoding
                ),
                since=since,
                on_progress=on_progress,
            )
            made = await reembed.work()
            dropped = await database(storage.embedded.drop_others, encoder.model) if drop_old else 0
            return Reembedded(model=encoder.model, encoded=made, dropped=dropped)
        finally:
            await database(storage.close)
    finally:
        encoding.close()
        database.close()


def _open_alone(url: str) -> Storage:
    try:
        return open_storage(url)
    except DatabaseInUseError as error:
        raise StorageError(
            f"{error}; a running service encodes recent items by itself: stop it to go further back"
        ) from error
