"""A hub, a site with a feed, and the service between them."""

import socket
from collections.abc import AsyncIterator

import pytest
from desks import Clock, Desk, running_desk
from hubs import Hub, running_hub
from sites import Site, running_site

from monitor.storage import Storage


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    async with running_hub() as hub:
        yield hub


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with running_site() as site:
        yield site


@pytest.fixture
def public_url() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
async def desk(storage: Storage, hub: Hub, site: Site, public_url: str) -> AsyncIterator[Desk]:
    async with running_desk(storage, hub, site, public_url, Clock()) as desk:
        yield desk
