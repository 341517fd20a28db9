"""A folder of configuration as a whole: what it becomes, and every mistake at its exact place."""

import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.configuration import Configuration, load_configuration
from monitor.errors import ConfigurationError
from monitor.records import FeedSpec, Problem, Topic

SHIPPED = Path(__file__).parent.parent / "config"

FEEDS = """\
feeds:
  - url: https://one.example/rss
    name: One
    tags: [middle-east, english]
  - url: https://two.example/rss
"""
WATCHLIST = """\
watchlist: Desk
topics:
  - id: floods
    name: Floods
    about:
      - A river floods a town
    feeds: [middle-east]
"""


class Folder:
    """A configuration folder that is right until a test writes something wrong into it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "watchlists").mkdir(parents=True)
        self.write("feeds.yaml", FEEDS)
        self.write("watchlists/a.yaml", WATCHLIST)

    def write(self, name: str, content: str) -> None:
        (self.path / name).write_text(content, encoding="utf-8")

    def load(self, **environ: str) -> Configuration:
        return load_configuration(self.path, environ)

    def problems(self) -> list[str]:
        with pytest.raises(ConfigurationError) as caught:
            self.load()
        assert "canary" not in str(caught.value)
        return [line.removeprefix(f"{self.path}/") for line in str(caught.value).split("\n")]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "config")


# --- what it becomes -------------------------------------------------------------------------------


def test_defaults_are_filled_in(folder: Folder) -> None:
    config = folder.load()
    assert config.feeds == (
        FeedSpec(
            url="https://one.example/rss",
            name="One",
            tags=frozenset({"middle-east", "english"}),
            every=timedelta(minutes=10),
            alert_backlog=timedelta(0),
        ),
        FeedSpec(
            url="https://two.example/rss",
            name="two.example",
            tags=frozenset(),
            every=timedelta(minutes=10),
            alert_backlog=timedelta(0),
        ),
    )
    assert config.topics == (
        Topic(
            id="floods",
            name="Floods",
            watchlist="Desk",
            about=("A river floods a town",),
            feeds=frozenset({"middle-east"}),
            cut=50.0,
            channel="#news-alerts",
        ),
    )
    assert config.warnings == ()


def test_every_key_of_the_format_is_read(folder: Folder) -> None:
    folder.write("monitor.yaml", 'fetch: {every: 1h}\nslack: {channel: "#all"}\n')
    folder.write(
        "feeds.yaml",
        FEEDS.replace("    tags:", "    every: 5s\n    full_text: true\n    alert_backlog: 2d\n    tags:"),
    )
    folder.write(
        "watchlists/a.yaml",
        'watchlist: Desk\nchannel: "#desk"\n'
        "topics:\n"
        "  - id: floods\n    name: Floods\n    about: [A river floods]\n    not_about: [A film]\n"
        "    must_mention: [river]\n    never_mention: [film]\n    feeds: [One, two.example]\n"
        "    sensitivity: strict\n    channel: C0123456789\n    mention: here\n"
        "    examples:\n      relevant: [Flood in town]\n      irrelevant: [Film about floods]\n"
        "  - {id: fires, name: Fires, about: [A forest burns], sensitivity: 62.5, mention: null}\n",
    )
    config = folder.load()
    first, second = config.topics
    assert first == Topic(
        id="floods",
        name="Floods",
        watchlist="Desk",
        about=("A river floods",),
        not_about=("A film",),
        must_mention=("river",),
        never_mention=("film",),
        feeds=frozenset({"One", "two.example"}),
        cut=65.0,
        channel="C0123456789",
        mention="here",
        relevant=("Flood in town",),
        irrelevant=("Film about floods",),
    )
    assert (second.cut, second.channel, second.mention) == (62.5, "#desk", None)
    assert (config.feeds[0].every, config.feeds[1].every) == (timedelta(seconds=5), timedelta(hours=1))
    assert (config.feeds[0].full_text, config.feeds[0].alert_backlog) == (True, timedelta(days=2))
    (warning,) = config.warnings
    assert (warning.severity, warning.path.name, warning.line, warning.column) == (
        "warning",
        "feeds.yaml",
        4,
        12,
    )


def test_a_topic_without_a_channel_takes_the_settings_one(folder: Folder) -> None:
    assert folder.load(MONITOR__SLACK__CHANNEL="#elsewhere").topics[0].channel == "#elsewhere"


def test_routes_are_read_beside_the_watchlists(folder: Folder) -> None:
    assert (folder.load().routes, folder.load().channels) == ((), {})
    folder.write("monitor.yaml", "alerts: {update_every: 7m}\n")
    folder.write(
        "routes.yaml",
        "routes:\n"
        '  - {name: A, to: ["#a"], topics: [floods], watchlists: [Desk], tags: [english]}\n'
        "channels:\n"
        '  "#news-alerts": {time_zone: UTC}\n  "#nobody": {time_zone: UTC}\n',
    )
    config = folder.load()
    assert [route.channels for route in config.routes] == [("#a",)]
    assert list(config.channels) == ["#news-alerts", "#nobody"]
    assert config.timing.update_every == timedelta(minutes=7)
    assert [(warning.path.name, warning.line) for warning in config.warnings] == [("routes.yaml", 5)]


def test_routes_are_not_to_blame_for_other_files(folder: Folder) -> None:
    folder.write(
        "routes.yaml", 'routes: [{name: A, to: ["#a"], topics: [floods], watchlists: [Desk], tags: [far]}]\n'
    )
    folder.write("feeds.yaml", FEEDS + "  - url: nowhere\n    tags: [far]\n")
    folder.write("watchlists/a.yaml", WATCHLIST + "    sensitivity: x\n")
    assert [problem.split(":")[0] for problem in folder.problems()] == ["feeds.yaml", "watchlists/a.yaml"]
    folder.write("watchlists/a.yaml", "[")
    assert [problem.split(":")[0] for problem in folder.problems()] == ["feeds.yaml", "watchlists/a.yaml"]
    # One feed by its name alone: it has no tags, and so no route can ask for one.
    folder.write("feeds.yaml", "feeds: [{url: https://far.example/rss, name: far}]\n")
    assert any("no feed has the tag 'far'" in problem for problem in folder.problems())


def test_the_examples_in_the_shipped_routes_are_right(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED, tmp_path / "config")
    path = tmp_path / "config" / "routes.yaml"
    lines = path.read_text(encoding="utf-8").splitlines()
    tried = [line[1:] if line.startswith("#  ") else line for line in lines]
    path.write_text(
        "\n".join(tried).replace("routes: []", "routes:").replace("channels: {}", "channels:"),
        encoding="utf-8",
    )
    config = load_configuration(tmp_path / "config", {})
    assert (len(config.routes), len(config.channels), config.warnings) == (2, 1, ())


def test_layouts_are_read_and_tried_with_the_rest(folder: Folder) -> None:
    (folder.path / "templates").mkdir()
    folder.write("templates/reminder.json.j2", '[{"type": "divider"}]')
    assert folder.load().templates == {"reminder": '[{"type": "divider"}]'}
    folder.write("templates/story.json.j2", '[\n  {"type": "divider", "color": {{ topic }}}\n]')
    folder.write("monitor.yaml", "fetch: {evry: 1h}\n")
    first, second = folder.problems()
    assert first.startswith("monitor.yaml:1:")
    assert second.startswith("templates/story.json.j2:2:3: there is no 'topic'; there are acknowledged_by")


def test_the_shipped_configuration_is_right_and_loads_nothing_heavy() -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom monitor.configuration import load_configuration\n"
        f"config = load_configuration(Path({str(SHIPPED)!r}), {{}})\n"
        "assert config.feeds and config.topics and not config.warnings\n"
        "heavy = {'torch', 'sqlalchemy', 'aiohttp', 'slack_sdk', 'feedparser', 'pydantic_settings'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    environ = {**os.environ, "PYTHONPATH": str(SHIPPED.parent)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environ, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


# --- mistakes --------------------------------------------------------------------------------------


def test_what_is_unique_is_unique_over_all_watchlists(folder: Folder) -> None:
    folder.write("watchlists/b.yaml", "# the same again\n" + WATCHLIST)
    assert folder.problems() == [
        f"watchlists/b.yaml:2:12: this watchlist name is already in {folder.path}/watchlists/a.yaml:1",
        f"watchlists/b.yaml:4:9: this topic id is already in {folder.path}/watchlists/a.yaml:3",
    ]


def test_every_problem_of_every_file_is_told_at_once_in_reading_order(folder: Folder) -> None:
    folder.write("monitor.yaml", "web: {port: x}\nfetch: {every: x}\n")
    folder.write("feeds.yaml", FEEDS + "  - url: nowhere\n    tags: [distant]\n    every: x\n")
    folder.write("watchlists/b.yaml", "a: [b\n")
    # A bad feed's tags are known all the same: its topic is not to blame.
    folder.write(
        "watchlists/c.yaml", WATCHLIST.replace("middle-east", "distant, nowhere").replace("Desk", "C")
    )
    with pytest.raises(ConfigurationError) as caught:
        folder.load(MONITOR__WEB__PORT="y")
    found = [(p.path.name, p.line, p.column) for p in caught.value.problems]
    assert found == [
        ("feeds.yaml", 6, 10),
        ("feeds.yaml", 8, 12),
        ("monitor.yaml", 1, 13),
        ("monitor.yaml", 2, 16),
        ("b.yaml", 1, 4),
        ("c.yaml", 3, 9),
        ("c.yaml", 7, 22),
        ("environment", 1, 1),
    ]


def test_a_broken_feeds_file_leaves_the_topics_alone(folder: Folder) -> None:
    folder.write("feeds.yaml", "feeds: [\n")
    assert [line.split(":")[0] for line in folder.problems()] == ["feeds.yaml"]


def test_missing_files_and_folders_are_named(folder: Folder) -> None:
    (folder.path / "feeds.yaml").unlink()
    (folder.path / "watchlists/a.yaml").unlink()
    folder.write("watchlists/.#a.yaml", "left by an editor")
    assert folder.problems() == [
        "feeds.yaml:1:1: cannot read this file: no such file or directory",
        "watchlists:1:1: there is no watchlist here; write at least one file that ends in .yaml",
    ]
    shutil.rmtree(folder.path / "watchlists")
    assert folder.problems()[1].startswith("watchlists:1:1: cannot read this folder of watchlists")
    shutil.rmtree(folder.path)
    assert folder.problems() == [f"{folder.path}:1:1: cannot read this folder: no such file or directory"]


def test_a_watchlist_that_would_not_be_read_is_warned_of(folder: Folder) -> None:
    folder.write("watchlists/b.yml", WATCHLIST)
    (warning,) = folder.load().warnings
    assert str(warning).endswith(
        "b.yml:1:1: warning: this file is not read; give it a name that ends in .yaml"
    )


def test_paths_are_shown_from_the_current_folder(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write("feeds.yaml", "")
    monkeypatch.chdir(folder.path.parent)
    assert folder.problems() == ["config/feeds.yaml:1:1: this is empty"]
    monkeypatch.chdir(folder.path)
    assert folder.problems() == ["feeds.yaml:1:1: this is empty"]


# --- anything at all -------------------------------------------------------------------------------

ROUTES = """\
routes:
  - name: A
    topics: [floods]
    score: 50-80
    to: ["#a"]
channels:
  "#a":
    time_zone: UTC
    quiet_hours: 22:00-07:00
    digests: [daily 08:00]
"""
PIECES = st.sampled_from(
    [
        *(FEEDS + WATCHLIST + ROUTES).split("\n"),
        *(
            "feeds:",
            "topics:",
            "  - id: x",
            "    about: [x]",
            "- ",
            "a: ",
            "[",
            "]",
            "{",
            "}",
            "'",
            '"',
            "#",
            "\t",
        ),
        *(
            "\n",
            "  ",
            "null",
            "true",
            "1e999",
            ".nan",
            "xoxb-1-canary",
            "&a ",
            "*a",
            "!x ",
            "<<: ",
            "---",
            "é",
            "\\",
        ),
        *(
            "fetch: {every: ",
            "slack: {channel: ",
            "storage: {url: ",
            "web: {port: ",
            "9" * 30,
            "5m",
            "https://",
            "::",
        ),
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["monitor.yaml", "feeds.yaml", "watchlists/a.yaml", "routes.yaml"]),
    content=st.lists(PIECES, max_size=25).map(lambda pieces: "\n".join(pieces).encode())
    | st.lists(PIECES, max_size=12).map(lambda pieces: "".join(pieces).encode())
    | st.binary(max_size=60),
)
def test_any_file_is_a_configuration_or_a_list_of_problems(folder: Folder, name: str, content: bytes) -> None:
    originals = {
        "monitor.yaml": b"web: {}\n",
        "feeds.yaml": FEEDS.encode(),
        "watchlists/a.yaml": WATCHLIST.encode(),
        "routes.yaml": ROUTES.encode(),
    }
    for file, original in originals.items():
        (folder.path / file).write_bytes(content if file == name else original)
    try:
        outcome: Configuration | tuple[Problem, ...] = folder.load()
    except ConfigurationError as e:
        outcome = e.problems
    assert outcome
    assert b"canary" not in repr(outcome).encode()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(max_size=30))
def test_any_environment_is_a_configuration_or_a_list_of_problems(folder: Folder, value: str) -> None:
    names = ("FETCH__EVERY", "FETCH__ALLOW_PRIVATE", "WEB__PORT", "STORAGE__URL", "SLACK__API_URL", value)
    environ = {f"MONITOR__{name}": value for name in names}
    try:
        problems = load_configuration(folder.path, environ).warnings
    except ConfigurationError as e:
        problems = e.problems
    assert all(str(problem).startswith("environment:1:1: MONITOR__") for problem in problems)
