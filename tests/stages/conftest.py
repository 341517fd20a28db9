"""What several tests of the alert stage stand on."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from alerting import Desk
from builders import topic

from monitor.records import Topic
from monitor.storage import Storage
from monitor.threads import OwnThread


@pytest.fixture
def open_desk(storage: Storage, database: OwnThread) -> Iterator[Callable[..., Desk]]:
    opened = list[Desk]()

    def open_desk(*topics: Topic, **settings: Any) -> Desk:
        opened.append(Desk(storage, database, *(topics or (topic(),)), **settings))
        return opened[-1]

    yield open_desk
    for desk in opened:
        desk.encoding.close()
