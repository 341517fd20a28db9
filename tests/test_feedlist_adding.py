"""Adding to feeds.yaml: what people wrote stays to the letter, and what is added can be read."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.errors import ConfigurationError, MonitorError
from monitor.feedlist import NewFeed, add_feeds, read_feedlist
from monitor.text import clean
from monitor.yamlfile import mask_secrets

NEW = NewFeed(
    url="https://new.example/rss?a=1",
    name="New: Wire",
    tags=frozenset({"b", "a"}),
    every=timedelta(minutes=5),
)
BLOCK = '{0}- url: https://new.example/rss?a=1\n{0}  name: "New: Wire"\n{0}  tags: [a, b]\n{0}  every: 5m\n'
BRACES = '  - {url: "https://new.example/rss?a=1", name: "New: Wire", tags: [a, b], every: 5m}\n'

# Each text in two halves; the new entry belongs between them.
LAYOUTS = {
    "block": ("feeds:\n  # the old one\n  - url: https://old.example/rss\n    tags: [x]   # why\n", ""),
    "no indentation": ("feeds:\n- url: https://old.example/rss\n  tags: [x]\n", ""),
    "wide": ("feeds:\n    -   url: https://old.example/rss\n        tags: [x]\n", ""),
    "comments behind": ("# top\nfeeds:\n  - url: https://old.example/rss\n", "\n  # - url: off\n# the end\n"),
    "comment of the last entry": ("feeds:\n  - url: https://old.example/rss\n    # not every: 5m\n", "\n\n"),
    "list over lines": ("feeds:\n  - url: https://old.example/rss\n    tags:\n      - x\n\n      - y\n", ""),
    "no line break at the end": ("feeds:\n  - url: https://old.example/rss", ""),
    "empty key": ("feeds:\n", ""),
    "empty key with a comment": ("# mine\nfeeds:  # none yet\n", "# the end\n"),
    "only comments": ("# mine\n", ""),
    "empty file": ("", ""),
}


def indentation(before: str) -> str:
    dashes = [line for line in before.split("\n") if line.lstrip().startswith("- ")]
    return dashes[0].partition("-")[0] if dashes else "  "


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_an_entry_goes_to_the_end_of_the_list(tmp_path: Path, layout: str, newline: str, bom: str) -> None:
    before, after = LAYOUTS[layout]
    path = tmp_path / "feeds.yaml"
    path.write_bytes((bom + before + after).replace("\n", newline).encode())
    add_feeds(path, [NEW])
    begun = before + ("\n" if before and not before.endswith("\n") else "")
    begun += "" if "feeds:" in before else "feeds:\n"
    written = path.read_bytes().decode()
    assert written.replace("\r\n", "\n") == bom + begun + BLOCK.format(indentation(before)) + after
    # The line breaks are the file's own, where it has any.
    own = newline == "\r\n" and "\n" in before + after
    assert written.count("\r\n") == (written.count("\n") if own else 0)


def test_in_a_list_of_braces_it_is_written_in_braces(tmp_path: Path) -> None:
    path = tmp_path / "feeds.yaml"
    path.write_text('feeds:\n  - {url: "https://old.example/rss"}\n')
    add_feeds(path, [NEW])
    assert path.read_text() == 'feeds:\n  - {url: "https://old.example/rss"}\n' + BRACES


@pytest.mark.parametrize(
    "text",
    [
        "feeds: []\n",
        "feeds: [{url: https://old.example/rss}]\n",
        "feeds:\n  -\n    url: https://old.example/rss\n",
        "feeds: none\n",
        "feeds:\n  - [\n",
        "other: 1\n",
    ],
)
def test_a_layout_without_a_place_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "feeds.yaml"
    path.write_text(text)
    with pytest.raises(MonitorError, match="no place here"):
        add_feeds(path, [NEW])
    assert path.read_text() == text


@pytest.mark.parametrize(
    "bad",
    [
        NewFeed(url="https://OLD.example:443/rss"),
        NewFeed(url="ftp://new.example/"),
        NewFeed(url="https://new.example/", name="Old"),
        NewFeed(url="https://hooks.slack.com/services/canary"),
    ],
)
def test_what_check_would_refuse_is_not_written(tmp_path: Path, bad: NewFeed) -> None:
    path = tmp_path / "feeds.yaml"
    path.write_text("feeds:\n  - url: https://old.example/rss\n    name: Old\n")
    before = path.read_text()
    with pytest.raises((ConfigurationError, MonitorError)):
        add_feeds(path, [bad])
    assert path.read_text() == before
    assert [file.name for file in tmp_path.iterdir()] == ["feeds.yaml"]


def test_permissions_and_links_stay(tmp_path: Path) -> None:
    kept = tmp_path / "kept.yaml"
    kept.write_text("feeds:\n")
    kept.chmod(0o640)
    (tmp_path / "feeds.yaml").symlink_to(kept)
    add_feeds(tmp_path / "feeds.yaml", [NEW])
    assert (tmp_path / "feeds.yaml").is_symlink()
    assert kept.stat().st_mode & 0o777 == 0o640
    assert "new.example" in kept.read_text()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MonitorError, match="cannot write"):
        add_feeds(tmp_path / "nowhere" / "feeds.yaml", [NEW])


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    (tmp_path / "feeds.yaml").write_bytes(b"feeds:\n  - url: https://old.example/\xff\n")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        add_feeds(tmp_path / "feeds.yaml", [NEW])


# What looks like a Slack token is refused everywhere in the configuration.
words = st.text(max_size=30).map(clean).filter(lambda text: text == mask_secrets(text.strip()))
new_feeds = st.builds(
    NewFeed,
    url=st.from_regex(r"https://[a-z]{1,9}\.example/[a-z0-9?&=%;:,'#\"<>{}\[\]]{0,20}", fullmatch=True),
    name=words,
    tags=st.frozensets(words.filter(bool), max_size=3),
    every=st.none() | st.integers(1, 10_000_000).map(lambda seconds: timedelta(seconds=seconds)),
    alert_backlog=st.integers(0, 100_000).map(lambda minutes: timedelta(minutes=minutes)),
    full_text=st.booleans(),
)


@given(
    feeds=st.lists(new_feeds, min_size=1, max_size=4, unique_by=(lambda f: f.url, lambda f: f.name or f.url)),
    old=st.sampled_from(
        ["feeds:\n", 'feeds:\n  - {url: "https://old.test/"}\n', "feeds:\n- url: http://old.test\n"]
    ),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_whatever_is_written_is_read_back(tmp_path: Path, feeds: list[NewFeed], old: str) -> None:
    path = tmp_path / "feeds.yaml"
    path.write_text(old)
    add_feeds(path, feeds)
    read = read_feedlist(path, timedelta(days=400))
    assert [problem for problem in read.problems if problem.severity == "error"] == []
    for feed, spec in zip(feeds, read.feeds[-len(feeds) :], strict=True):
        assert (spec.url, spec.tags, spec.full_text) == (feed.url, feed.tags, feed.full_text)
        assert spec.every == (feed.every or timedelta(days=400))
        assert spec.alert_backlog == feed.alert_backlog
        assert not feed.name or spec.name == feed.name
