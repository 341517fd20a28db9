"""The list of feeds: every mistake at its exact place."""

from datetime import timedelta
from pathlib import Path

import pytest

from monitor.feedlist import FeedList, read_feedlist

FEEDS = """\
feeds:
  - url: https://one.example/rss
    name: One
    tags: [middle-east, english]
  - url: https://two.example/rss
"""


def read(folder: Path, text: str) -> FeedList:
    (folder / "feeds.yaml").write_text(text, encoding="utf-8")
    return read_feedlist(folder / "feeds.yaml", timedelta(minutes=10))


URL = "https://three.example/rss"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("feds: []\n", ["1:1: the key 'feeds' is missing", "1:1: unknown key 'feds'; did you mean 'feeds'?"]),
        ("feeds: []\n", ["1:8: this list is empty"]),
        ("feeds: {a: b}\n", ["1:8: a list is needed here"]),
        ("feeds:\n  - just text\n", ["2:5: a mapping is needed here"]),
        ("feeds:\n  - name: X\n", ["2:5: the key 'url' is missing here"]),
        (f"feeds:\n  - url: {URL}\n    tag: [x]\n", ["3:5: unknown key 'tag'; did you mean 'tags'?"]),
        (f"feeds:\n  - url: {URL}\n    url: {URL}\n", ["3:5: the key 'url' is already on line 2"]),
        (f"feeds:\n  - url: {URL}\n    tags: x\n", ["3:11: a list is needed here"]),
        (
            f"feeds:\n  - url: {URL}\n    tags: [true]\n",
            ["3:12: a text is needed here, and this is true or false"],
        ),
        (
            f"feeds:\n  - url: {URL}\n    name: false\n",
            ["3:11: a text is needed here, and this is true or false"],
        ),
        (f"feeds:\n  - url: {URL}\n    full_text: yes\n", ["3:16: true or false is needed here"]),
        (f"feeds:\n  - url: {URL}\n    every: 10 minutes\n", ["3:12: '10 minutes' is not a duration"]),
        (f"feeds:\n  - url: {URL}\n    alert_backlog: 5\n", ["3:20: 5 is not a duration"]),
        ("feeds:\n  - url: ftp://a.example/\n", ["2:10: a URL must start with https:// or http://"]),
        ("feeds:\n  - url: https:///rss\n", ["2:10: this URL names no host"]),
        ("feeds:\n  - url: https://me:canary@a.example/\n", ["2:10: a user name or password may not stand"]),
        ("feeds:\n  - url: https://a.example:99999/\n", ["2:10: this is not a URL: its host or port"]),
        ("feeds:\n  - url: https://[::1/\n", ["2:10: this is not a URL: its host or port"]),
        ("feeds:\n  - url: https://a.example/a b\n", ["2:10: a URL holds no spaces and no backslashes"]),
        ("feeds:\n  - url: https://hooks.slack.com/services/canary\n", ["2:10: a Slack token or webhook"]),
        (FEEDS + "  - url: https://one.example/rss\n", ["6:10: this feed URL is already on line 2"]),
        (FEEDS + "  - url: HTTPS://One.Example:443/rss\n", ["6:10: this feed URL is already on line 2"]),
        (
            "feeds:\n  - url: http://a.example\n  - url: http://a.example:80/\n    every: 1\n",
            ["3:10: this feed URL is already on line 2", "4:12: 1 is not a duration"],
        ),
        (FEEDS + f"  - url: {URL}\n    name: One\n", ["7:11: this feed name is already on line 3"]),
        ("feeds:\n\t- url: x\n", ["2:1: tabs cannot indent in YAML; use spaces"]),
    ],
)
def test_mistakes_are_told_at_their_place(tmp_path: Path, text: str, expected: list[str]) -> None:
    found = sorted(read(tmp_path, text).problems, key=lambda problem: (problem.line, problem.column))
    assert len(found) == len(expected)
    for problem, start in zip(found, expected, strict=True):
        assert str(problem).startswith(f"{tmp_path}/feeds.yaml:{start}")
        assert "canary" not in problem.message


def test_a_bad_feed_costs_only_itself(tmp_path: Path) -> None:
    feeds = read(tmp_path, FEEDS + f"  - url: {URL}\n    name: Three\n    tags: [far]\n    every: soon\n")
    assert [feed.name for feed in feeds.feeds] == ["One", "two.example"]
    assert feeds.labels == {"One", "two.example", "middle-east", "english", "Three", "far"}


def test_two_feeds_of_one_host_need_no_names(tmp_path: Path) -> None:
    feeds = read(tmp_path, "feeds:\n  - url: https://a.example/1\n  - url: https://a.example/2\n")
    assert feeds.problems == ()
    assert [feed.name for feed in feeds.feeds] == ["a.example", "a.example"]


def test_frequent_polling_is_warned_of(tmp_path: Path) -> None:
    (warning,) = read(tmp_path, FEEDS + "    every: 59s\n").problems
    assert str(warning).startswith(f"{tmp_path}/feeds.yaml:6:12: warning: polling more often than once a")
    assert read(tmp_path, FEEDS + "    every: 60s\n").problems == ()
