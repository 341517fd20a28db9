"""Bodies from other parsers' test suites: none may crash or hang the parser, or lose an item."""

import json
import lzma
import tarfile
from pathlib import Path

import pytest

from monitor.feeds.frames import Document
from monitor.feeds.limits import FetchLimits
from monitor.feeds.parser import Parser

BODIES = Path(__file__).parents[3] / "shared" / "data" / "parsing"


@pytest.mark.slow
@pytest.mark.skipif(not BODIES.is_dir(), reason="needs the captured bodies in ../shared/data/parsing")
async def test_every_body_gives_at_least_the_items_that_feedparser_finds() -> None:
    with lzma.open(BODIES / "index.jsonl.xz", "rt") as index:
        expected = {row["path"]: row["fp_entries"] for row in map(json.loads, index)}
    parser = Parser(FetchLimits())
    seen, short = 0, []
    try:
        with tarfile.open(BODIES / "bodies.tar.xz") as bodies:
            for member in bodies:
                if (content := bodies.extractfile(member)) and member.name.removeprefix("./") in expected:
                    outcome = await parser.parse(content.read(), url="https://example.org/feed", charset=None)
                    items = outcome.items if isinstance(outcome, Document) else ()
                    seen += 1
                    if len(items) < expected[member.name.removeprefix("./")]:
                        short.append((member.name, outcome))
    finally:
        await parser.close()
    assert short == []
    assert seen == len(expected)
