"""The command line: what it prints where, and its exit codes."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from builders import NOW, fetched, keyed, next_at, opened, spec

REPOSITORY = Path(__file__).parents[1]


def monitor(*arguments: str, cwd: Path = REPOSITORY, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("MONITOR__", "SLACK_"))
    }
    return subprocess.run(
        [sys.executable, "-m", "monitor", *arguments],
        env={**clean, "PYTHONPATH": str(REPOSITORY), **environ},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_shipped_configuration_is_fine() -> None:
    checked = monitor("check")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.startswith("config: fine: ")


def test_check_loads_nothing_heavy() -> None:
    script = (
        "import sys; sys.argv = ['monitor', 'check']\n"
        "from monitor.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0, end.code\n"
        "heavy = {'torch', 'numpy', 'sqlalchemy', 'aiohttp', 'slack_sdk', 'transformers', 'feedparser'}\n"
        "heavy |= {'apprise', 'requests'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    checked = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


MISTAKES = {
    "unknown key": ("monitor.yaml", "fetch:\n  evry: 5m\n", 2, 3),
    "bad duration": ("monitor.yaml", "fetch:\n  every: 10 minutes\n", 2, 10),
    "bad network": ("monitor.yaml", "fetch:\n  allow_private: [10.0.0.300/8]\n", 2, 19),
    "literal token": ("monitor.yaml", "slack:\n  channel: xoxb-1234567890-canary\n", 2, 12),
    "tab": ("monitor.yaml", "fetch:\n\tevery: 5m\n", 2, 1),
    "bad URL": ("feeds.yaml", "feeds:\n  - url: ftp://outlet.example/feed\n", 2, 10),
    "same feed twice": (
        "feeds.yaml",
        "feeds:\n  - url: https://outlet.example/feed\n  - url: https://OUTLET.example:443/feed\n",
        3,
        10,
    ),
    "missing about": (
        "watchlists/desk.yaml",
        "watchlist: Desk\ntopics:\n  - id: a\n    name: A\n",
        3,
        5,
    ),
    "unreachable tag": (
        "watchlists/desk.yaml",
        "watchlist: Desk\ntopics:\n  - id: a\n    name: A\n    about: [It happens]\n    feeds: [mars]\n",
        6,
        13,
    ),
    "same id twice": (
        "watchlists/desk.yaml",
        "watchlist: Desk\ntopics:\n"
        "  - {id: a, name: A, about: [Something happens]}\n"
        "  - {id: a, name: B, about: [Something else happens]}\n",
        4,
        10,
    ),
    "route of no topic": (
        "routes.yaml",
        "routes:\n  - name: Duty\n    topics: [b]\n    to: ['#duty']\n",
        3,
        14,
    ),
    "unquoted channel": ("watchlists/desk.yaml", "watchlist: Desk\nchannel: #news\ntopics: []\n", 2, 10),
    "bad score": (
        "watchlists/desk.yaml",
        "watchlist: Desk\ntopics:\n  - {id: a, name: A, about: [It happens], sensitivity: 101}\n",
        3,
        56,
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_check_names_the_place_of_a_mistake(tmp_path: Path, mistake: str) -> None:
    (tmp_path / "watchlists").mkdir()
    (tmp_path / "feeds.yaml").write_text("feeds:\n  - {url: https://outlet.example/feed, tags: [world]}\n")
    (tmp_path / "watchlists" / "desk.yaml").write_text(
        "watchlist: Desk\ntopics:\n  - {id: a, name: A, about: [Something happens]}\n"
    )
    file, text, line, column = MISTAKES[mistake]
    (tmp_path / file).write_text(text)
    checked = monitor("check", "--config", ".", cwd=tmp_path)
    assert checked.returncode == 2
    assert checked.stdout == ""
    assert f"{file}:{line}:{column}: " in checked.stderr
    assert "canary" not in checked.stderr


def test_a_missing_folder_is_a_configuration_error(tmp_path: Path) -> None:
    for verb in ("check", "run", "once"):
        refused = monitor(verb, "--config", str(tmp_path / "nowhere"))
        assert refused.returncode == 2
        assert "no such file or directory" in refused.stderr


def test_bad_usage_is_2() -> None:
    assert monitor("check", "--nonsense").returncode == 2
    assert monitor("nonsense").returncode == 2


def test_version_and_help() -> None:
    assert monitor("--version").stdout.startswith("monitor 0.")
    shown = monitor("--help").stdout
    verbs = (
        "run",
        "once",
        "check",
        "demo",
        "doctor",
        "explain",
        "feeds",
        "prune",
        "routes",
        "backup",
        "migrate",
    )
    for verb in (*verbs, "test", "evaluate", "backtest", "near-misses", "notify-test"):
        assert f" {verb} " in shown


def test_explain_without_a_database_says_so(tmp_path: Path) -> None:
    asked = monitor(
        "explain", "https://outlet.example/1", "--config", str(REPOSITORY / "config"), cwd=tmp_path
    )
    assert asked.returncode == 1
    assert "there is no database yet" in asked.stderr


def test_feeds_list_knows_what_was_never_polled(tmp_path: Path) -> None:
    listed = monitor("feeds", "list", "--config", str(REPOSITORY / "config"), cwd=tmp_path)
    assert listed.returncode == 0
    assert "not polled yet" in listed.stdout


@pytest.mark.slow
class TestPrune:
    @pytest.fixture
    def config(self, tmp_path: Path) -> Path:
        (tmp_path / "monitor.yaml").write_text(f"storage: {{url: 'sqlite:///{tmp_path}/monitor.db'}}\n")
        return tmp_path

    def test_it_wants_to_know_how_old(self, config: Path) -> None:
        refused = monitor("prune", "--config", str(config))
        assert refused.returncode == 2
        assert "give --older-than, or set storage.keep" in refused.stderr
        assert monitor("prune", "--config", str(config), "--older-than", "soon").returncode == 2

    def test_it_tells_what_it_removed(self, config: Path) -> None:
        with opened(config / "monitor.db") as storage:
            storage.polls.sync_feeds([spec()], NOW - timedelta(days=900))
            for document in ([keyed(1)], []):
                (feed,) = storage.ledger.feeds()
                storage.polls.record_poll(feed, fetched(), document, NOW - timedelta(days=900), next_at(NOW))
            storage.scores.record_scores(storage.scores.unscored(9), [], NOW)
        counted = monitor("prune", "--config", str(config), "--dry-run", MONITOR__STORAGE__KEEP="90d")
        assert (counted.returncode, "would be removed" in counted.stdout) == (0, True)
        done = monitor("prune", "--config", str(config), "--json", MONITOR__STORAGE__KEEP="90d")
        assert (json.loads(done.stdout)["items"], json.loads(done.stdout)["dry_run"]) == (1, False)
        again = monitor("prune", "--config", str(config), "--older-than", "30d")
        assert ": 0 items, 0 versions, 0 scores, 0 alerts, 0 deliveries" in again.stdout
