"""The commands that test and tune what is relevant: what they print where, and their exit codes."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from builders import keyed, opened, score, stored_items
from streams import shown, write_stream
from test_cli import REPOSITORY, monitor

from monitor.clock import utc_now

pytestmark = pytest.mark.slow

CAMP = "Soldiers find a hidden weapons camp in the hills"
ABOUT = "Soldiers find a hidden camp"
LABELLED = Path(__file__).parents[2] / "shared" / "data" / "relevance"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "watchlists").mkdir()
    (tmp_path / "monitor.yaml").write_text(f"storage: {{url: 'sqlite:///{tmp_path}/monitor.db'}}\n")
    (tmp_path / "feeds.yaml").write_text("feeds:\n  - {url: https://wire.example/rss, tags: [world]}\n")
    write_watchlist(tmp_path / "watchlists" / "desk.yaml")
    return tmp_path


def write_watchlist(path: Path, **topic: object) -> Path:
    plain = {"id": "patrols", "name": "Patrols", "about": [ABOUT]}
    path.write_text(json.dumps({"watchlist": "Desk", "topics": [plain | topic]}))
    return path


def test_near_misses_are_listed_without_a_model(config: Path) -> None:
    with opened(config / "monitor.db") as storage:
        storage.polls.sync_feeds([], utc_now())
        (item,) = stored_items(storage, keyed(1))
        storage.scores.record_scores([item], [score(item.id, score=40.0, matched=False)], utc_now())
    listed = monitor("near-misses", "--config", str(config), "--days", "36500")
    assert listed.returncode == 0, listed.stderr
    assert "monitor votes add patrols https://wire.example/1 up" in listed.stdout
    told = monitor("near-misses", "patrols", "--config", str(config), "--days", "36500", "--json")
    assert [miss["score"] for miss in json.loads(told.stdout)] == [40.0]


def test_unknown_topics_are_bad_usage(config: Path) -> None:
    for verb in ("near-misses", "test"):
        refused = monitor(verb, "nonsense", "--config", str(config))
        assert refused.returncode == 2
        assert "there is no topic nonsense" in refused.stderr


def test_without_a_database_there_is_nothing_to_look_back_at(config: Path) -> None:
    refused = monitor("near-misses", "--config", str(config))
    assert refused.returncode == 1
    assert "there is no database yet" in refused.stderr


def evaluate(folder: Path, watchlist: Path, *more: str) -> tuple[int, str]:
    stream = write_stream(folder / "items.jsonl", [shown(1, CAMP), shown(2, "Harvest festival opens")])
    files = ("--watchlist", str(watchlist), "--items", str(stream), "--labels", str(folder / "labels.tsv"))
    done = monitor("evaluate", *files, "--config", str(folder), *more)
    return done.returncode, done.stdout + done.stderr


def test_bad_files_are_named_before_anything_runs(config: Path) -> None:
    (config / "labels.tsv").write_text("patrols i1 2\n")
    code, output = evaluate(config, config / "watchlists" / "desk.yaml")
    assert (code, "labels.tsv:1:1: this is no label" in output) == (1, True)
    code, output = evaluate(config, write_watchlist(config / "bad.yaml", sensitivity="loose"))
    assert (code, "bad.yaml:1:" in output) == (2, True)


@pytest.mark.slow
def test_evaluate_needs_no_known_feeds_and_writes_what_was_asked_for(config: Path) -> None:
    (config / "labels.tsv").write_text("patrols\ti1\t2\ta\n")
    scoped = write_watchlist(config / "scoped.yaml", feeds=["wire"])
    more = (
        "--json",
        str(config / "f.json"),
        "--decisions",
        str(config / "d.tsv"),
        "--plots",
        str(config / "p"),
    )
    code, output = evaluate(config, scoped, *more)
    assert code == 0, output
    assert "mean of topics" in output
    assert json.loads((config / "f.json").read_text())["topics"]["patrols"]["f1"] == 1.0
    assert (config / "d.tsv").read_text().splitlines()[1].startswith("patrols\ti1\t")
    assert (config / "p" / "patrols.svg").exists()


@pytest.mark.slow
def test_examples_decide_the_exit_code(config: Path) -> None:
    write_watchlist(config / "watchlists" / "desk.yaml", examples={"relevant": [ABOUT + " near the river"]})
    passed = monitor("test", "--config", str(config), "--junit", str(config / "j.xml"))
    assert passed.returncode == 0, passed.stdout
    assert "1 passed" in passed.stdout
    assert ElementTree.parse(config / "j.xml").getroot().get("failures") == "0"
    write_watchlist(config / "watchlists" / "desk.yaml", examples={"irrelevant": [ABOUT]})
    failed = monitor("test", "--config", str(config))
    assert failed.returncode == 1
    assert f"FAILED patrols: irrelevant: {ABOUT}" in failed.stdout
    assert "1 of 1 examples fell on the wrong side" in failed.stderr
    assert json.loads(monitor("test", "--config", str(config), "--json").stdout)[0]["passed"] is False


@pytest.mark.slow
def test_backtest_compares_a_changed_file_with_the_current_one(config: Path) -> None:
    stream = write_stream(config / "items.jsonl", [shown(1, CAMP), shown(2, "Rivers flood a small town")])
    floods = write_watchlist(config / "new.yaml", about=["Rivers flood a town"], name="Floods")
    arguments = ("backtest", "--watchlist", str(floods), "--items", str(stream), "--config", str(config))
    told = monitor(*arguments, "--json")
    assert told.returncode == 0, told.stderr
    topic = json.loads(told.stdout)["topics"]["patrols"]
    assert [found["title"] for found in topic["new"]] == ["Rivers flood a small town"]
    assert [found["title"] for found in topic["gone"]] == [CAMP]
    shown_to_people = monitor(*arguments)
    assert f"  {CAMP}" in shown_to_people.stdout


@pytest.mark.slow
@pytest.mark.skipif(not LABELLED.exists(), reason="needs the labelled items in ../shared/data/relevance")
def test_the_labelled_topics_can_be_evaluated(tmp_path: Path) -> None:
    """A thousand of the real items: enough to run the way, too few to measure."""
    import lzma

    with lzma.open(LABELLED / "items.jsonl.xz", "rt", encoding="utf-8") as lines:
        (tmp_path / "items.jsonl").write_text(
            "".join(line for _, line in zip(range(1000), lines, strict=False))
        )
    files = ("--watchlist", str(LABELLED / "watchlist.yaml"), "--labels", str(LABELLED / "labels.tsv"))
    out = ("--json", str(tmp_path / "f.json"), "--config", str(REPOSITORY / "config"))
    done = monitor("evaluate", *files, "--items", str(tmp_path / "items.jsonl"), *out)
    assert done.returncode == 0, done.stderr
    assert len(json.loads((tmp_path / "f.json").read_text())["topics"]) == 12
