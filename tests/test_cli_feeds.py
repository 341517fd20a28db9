"""``monitor feeds …`` as people type it, against a site on this machine and real files."""

import asyncio
import json
import os
import sys
import tarfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sites import Site, html, link, rss, running_site

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[1]
FEEDS = """\
# Ours, by hand.
feeds:
  - url: https://old.example/rss    # the first
    name: Old
    tags: [world]
    every: 5m

  # the end
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    code: int
    out: str
    err: str


async def monitor(*arguments: str | Path) -> Ran:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "monitor", "feeds", *map(str, arguments)),
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Ran(code=process.returncode, out=out.decode(), err=err.decode())


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with running_site() as site:
        yield site


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    (folder / "watchlists").mkdir(parents=True)
    (folder / "monitor.yaml").write_text("fetch:\n  allow_private: [127.0.0.0/8]\n")
    (folder / "feeds.yaml").write_text(FEEDS)
    (folder / "watchlists" / "desk.yaml").write_text(
        "watchlist: Desk\ntopics:\n  - {id: a, name: A, about: [It happens], feeds: [world]}\n"
    )
    return folder


async def test_adding_the_only_feed_of_a_site(site: Site, config: Path) -> None:
    site.page("/", html(link("/wire.xml")))
    url = site.page("/wire.xml", rss())
    added = await monitor("add", site.origin, "--tag", "sea", "--every", "15m", "-c", config)
    assert (added.code, added.err) == (0, "")
    assert "1. Harbour Wire (rss20, 3 items, newest 2026-11-20 12:00 UTC)" in added.out
    entry = f"  - url: {url}\n    name: Harbour Wire\n    tags: [sea]\n    every: 15m\n"
    before, _, after = FEEDS.partition("\n  # the end")
    assert (config / "feeds.yaml").read_text() == before + entry + "\n  # the end" + after
    again = await monitor("add", url, "-c", config)
    assert (again.code, "has it already" in again.err) == (1, True)


async def test_several_feeds_are_listed_until_one_is_picked(site: Site, config: Path) -> None:
    site.page("/", html(link("/a.xml"), link("/b.xml")))
    site.page("/a.xml", rss())
    site.page("/b.xml", rss())
    asked = await monitor("add", site.origin, "-c", config)
    assert (asked.code, (config / "feeds.yaml").read_text()) == (1, FEEDS)
    assert "1. Harbour Wire" in asked.out
    assert "2. Harbour Wire" in asked.out
    assert "--pick N" in asked.err
    picked = await monitor("add", site.origin, "--pick", "2", "--name", "Picked", "-c", config)
    assert (picked.code, picked.out.splitlines()[-1]) == (0, f"added to {config}/feeds.yaml: Picked")
    every = await monitor("add", site.origin, "--all", "-c", config)
    assert every.code == 0
    text = (config / "feeds.yaml").read_text()
    assert (text.count("/a.xml"), text.count("/b.xml")) == (1, 1)


async def test_a_site_without_a_feed(site: Site, config: Path) -> None:
    site.page("/", html())
    asked = await monitor("add", site.origin, "-c", config)
    assert (asked.code, "no feed found" in asked.err, (config / "feeds.yaml").read_text()) == (1, True, FEEDS)


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "ftp://wire.example/"),
        ("add", "https://me:canary@wire.example/"),
        ("add", "https://wire.example/", "--every", "often"),
        ("add", "https://wire.example/", "--all", "--pick", "1"),
        ("add", "https://wire.example/", "--tag", " "),
        ("import", "nowhere.opml"),
        ("check", "https://[::1/"),
    ],
)
async def test_bad_usage_is_2(config: Path, arguments: tuple[str, ...]) -> None:
    refused = await monitor(*arguments, "-c", config)
    assert (refused.code, refused.out) == (2, "")
    assert "canary" not in refused.err


async def test_a_wrong_configuration_is_2(config: Path) -> None:
    (config / "feeds.yaml").write_text("feeds:\n  - ulr: x\n")
    for arguments in (("export",), ("add", "https://wire.example/")):
        refused = await monitor(*arguments, "-c", config)
        assert (refused.code, "feeds.yaml:2:5: " in refused.err) == (2, True)


async def test_checking_a_feed(site: Site, config: Path) -> None:
    url = site.page(
        "/feed",
        rss(items=10, words=20),
        Content_Type="text/xml; charset=UTF-8",
        ETag='"v1"',
        Cache_Control="public, max-age=600",
    )
    site.page("/old", status=301, Location="/feed")
    checked = await monitor("check", site.origin + "/old", "-c", config)
    assert (checked.code, checked.err) == (0, "")
    for words in (
        f"redirected   {url} (301, for good)",
        "status       200",
        "rss20, utf-8 (HTTP header)",
        "items        10: 10 dated, 10 with a link, 10 with a guid",
        "rhythm       about 12 items per day, last ",
        "conditional  honoured",
        "asks for     10 min between polls",
        f"write its new address: {url}",
        "summaries of 20 words: full_text recommended",
    ):
        assert words in checked.out, checked.out
    assert checked.out.splitlines()[-1] == "usable"
    plain = json.loads((await monitor("check", url, "--json", "-c", config)).out)
    assert (plain["usable"], plain["conditional"], plain["checkup"]["items"]) == (True, "honoured", 10)
    assert plain["checkup"]["newest"] == "2026-11-20T12:00:00+00:00"


@pytest.mark.slow
async def test_checking_what_is_no_feed(site: Site, config: Path) -> None:
    for url, words in (
        (site.page("/page", html()), "monitor feeds add"),
        (site.page("/gone", status=410), "gone for good"),
        (site.page("/broken", "<rss><chan"), "cannot be read"),
        ("http://10.0.0.1/feed", "not a public address"),
    ):
        checked = await monitor("check", url, "-c", config)
        assert (checked.code, words in checked.err) == (1, True), checked
        assert checked.out.splitlines()[-1].startswith("unusable: ")
        assert json.loads((await monitor("check", url, "--json", "-c", config)).out)["usable"] is False


async def test_a_feed_can_be_checked_without_a_configuration(tmp_path: Path) -> None:
    checked = await monitor("check", "http://127.0.0.1/feed", "-c", tmp_path / "nowhere")
    assert (checked.code, "fetch.allow_private" in checked.err) == (1, True)


OPML = """<opml version="2.0"><body>
<outline text="Sea & Sky">
  <outline text="Old again" xmlUrl="https://OLD.example/rss"/>
  <outline text="Harbour" xmlUrl="https://harbour.example/feed?a=1&b=2"/>
  <outline text="Old" xmlUrl="https://old.example/other"/>
</outline>
<outline text="Ports"><outline text="" xmlUrl="https://harbour.example/feed?a=1&amp;b=2"/></outline>
<outline text="Bad" xmlUrl="ftp://files.example/"/>
</body></opml>"""


async def test_import_merges_and_export_gives_it_back(tmp_path: Path, config: Path) -> None:
    (tmp_path / "list.opml").write_text(OPML)
    tried = await monitor("import", tmp_path / "list.opml", "--dry-run", "-c", config)
    assert (tried.code, (config / "feeds.yaml").read_text()) == (0, FEEDS)
    assert "2 feeds would be added, 1 already there, 1 left out" in tried.out
    done = await monitor("import", tmp_path / "list.opml", "--tag", "new", "-c", config)
    assert (done.code, "2 feeds added, 1 already there, 1 left out" in done.out) == (0, True)
    assert "list.opml: warning: mended: 2 × bare '&'" in done.err
    assert "left out: ftp://files.example/: a URL must start with" in done.err
    added = (
        "  - url: https://harbour.example/feed?a=1&b=2\n    name: Harbour\n"
        "    tags: [Ports, Sea & Sky, new]\n"
        "  - url: https://old.example/other\n    name: Old (old.example)\n    tags: [Sea & Sky, new]\n"
    )
    assert added in (config / "feeds.yaml").read_text()
    exported = await monitor("export", "-c", config)
    assert (exported.code, exported.err) == (0, "")
    (tmp_path / "out.opml").write_text(exported.out)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    assert (await monitor("import", tmp_path / "out.opml", "-c", fresh)).code == 0
    assert (await monitor("export", tmp_path / "again.opml", "-c", fresh)).code == 0
    assert (tmp_path / "again.opml").read_text() == exported.out
    assert 'monitor:every="5m"' in exported.out


async def test_a_file_without_feeds_is_a_failure(tmp_path: Path, config: Path) -> None:
    (tmp_path / "empty.opml").write_text("<opml><body/></opml>")
    done = await monitor("import", tmp_path / "empty.opml", "-c", config)
    assert (done.code, "no feeds in there" in done.err) == (1, True)


ARCHIVE = REPOSITORY.parent / "shared" / "data" / "feeds" / "opml.tar.xz"


@pytest.mark.slow
@pytest.mark.skipif(not ARCHIVE.is_file(), reason="needs the OPML files in ../shared/data/feeds")
async def test_118_files_are_781_feeds(tmp_path: Path) -> None:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    files = sorted(tmp_path.rglob("*.opml"))  # noqa: ASYNC240 - nothing else runs here
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    done = await monitor("import", *files, "-c", first)
    assert (len(files), done.code) == (118, 0)
    assert "781 feeds added, 0 already there, 0 left out" in done.out
    assert sum("warning: mended" in line for line in done.err.splitlines()) == 80
    await monitor("export", tmp_path / "all.opml", "-c", first)
    assert (await monitor("import", tmp_path / "all.opml", "-c", second)).err == ""
    assert (second / "feeds.yaml").read_text() == (first / "feeds.yaml").read_text()
