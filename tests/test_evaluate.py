"""A labelled stream through the stages: nothing looks ahead, and the figures are the decisions file's."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import HOUR
from streams import DAY, FLOODS, PATROLS, labels_of, mixed, shown
from words import WordEncoder

from monitor.errors import MonitorError
from monitor.evaluate import Evaluation, as_json, evaluate, write_decisions, write_json, write_plots
from monitor.labelled import Label, StreamItem
from monitor.records import Topic
from monitor.settings import AlertSettings

pytestmark = pytest.mark.slow

SCORER = Path(__file__).parents[2] / "shared" / "checks" / "score.py"
TOPICS = (PATROLS, FLOODS)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


async def run(
    stream: Sequence[StreamItem], topics: Sequence[Topic] = TOPICS, votes: int = 0, **labels: Any
) -> Evaluation:
    return await evaluate(
        topics,
        stream,
        labels.get("labels", labels_of(stream)),
        load=WordEncoder,
        alerts=AlertSettings(),
        votes=votes,
    )


def decisions(evaluation: Evaluation, folder: Path) -> list[dict[str, str]]:
    write_decisions(evaluation, folder / "decisions.tsv")
    header, *lines = (folder / "decisions.tsv").read_text().splitlines()
    return [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]


async def test_every_pair_worth_keeping_is_in_the_file_in_time_order(tmp_path: Path) -> None:
    stream = mixed(30)
    rows = decisions(await run(stream, (*TOPICS, replace(PATROLS, id="sure", cut=100.0))), tmp_path)
    places = {item.id: n for n, item in enumerate(stream)}
    assert [places[row["item_id"]] for row in rows] == sorted(places[row["item_id"]] for row in rows)
    assert all(float(row["score"]) >= 5 for row in rows)
    told = [row for row in rows if row["decision"] == "alert"]
    assert {row["item_id"] for row in told} >= {"i0", "i3"}
    assert all(row["matched"] == "1" for row in told)
    opened = [(row["topic_id"], row["story_id"]) for row in told]
    assert len(set(opened)) == len(opened), "a story is told once"
    threaded = {(row["topic_id"], row["story_id"]) for row in rows if row["decision"] == "thread"}
    assert threaded
    assert threaded <= set(opened)
    assert {row["story_id"] for row in rows if row["matched"] == "0"} == {""}


async def test_a_copy_belongs_to_the_story_of_what_was_told(tmp_path: Path) -> None:
    title = "soldiers find a hidden camp in the hills"
    stream = [shown(1, title), shown(2, title, feed="post", at=HOUR), shown(3, title, at=2 * HOUR)]
    rows = decisions(await run(stream, [PATROLS], labels={"patrols": {}}), tmp_path)
    assert [(row["decision"], row["story_id"]) for row in rows] == [
        ("alert", "1"),
        ("quiet:duplicate", "1"),
        ("quiet:duplicate", "1"),
    ]


async def test_an_old_item_stays_quiet(tmp_path: Path) -> None:
    late = shown(1, "soldiers find a hidden camp")
    late = replace(late, first_seen=late.first_seen + 3 * DAY)
    (row,) = decisions(await run([late], [PATROLS], labels={"patrols": {}}), tmp_path)
    assert (row["matched"], row["decision"], row["story_id"]) == ("1", "quiet:too_old", "1")


async def test_a_stream_is_played_in_the_order_in_which_it_was_seen(tmp_path: Path) -> None:
    stream = mixed(30)
    in_order = decisions(await run(stream), tmp_path)
    assert decisions(await run(stream[::-1], labels=labels_of(stream)), tmp_path) == in_order


async def test_items_of_one_moment_are_played_in_their_order_whatever_their_feeds(tmp_path: Path) -> None:
    title = "soldiers find a hidden camp in the hills"
    stream = [shown(1, title, feed="post"), shown(2, title, feed="agency"), shown(3, title, feed="gazette")]
    rows = decisions(await run(stream, [PATROLS], labels={"patrols": {}}), tmp_path)
    assert [(row["item_id"], row["decision"]) for row in rows] == [
        ("i1", "alert"),
        ("i2", "quiet:duplicate"),
        ("i3", "quiet:duplicate"),
    ]


async def test_nothing_looks_ahead(tmp_path: Path) -> None:
    stream = mixed(40)
    half, future = stream[:20], stream[20:]
    texts = [item.item for item in future][::-1]
    changed = [replace(item, item=text, id=text.guid or "") for item, text in zip(future, texts, strict=True)]
    labels = labels_of(stream)
    known = {item.id for item in half}
    straight, other = [
        [row for row in decisions(await run(played, labels=labels), tmp_path) if row["item_id"] in known]
        for played in (stream, half + changed)
    ]
    assert straight == other
    assert straight


async def test_topics_hear_only_their_feeds(tmp_path: Path) -> None:
    deaf = replace(PATROLS, feeds=frozenset({"post"}))
    rows = decisions(await run(mixed(12), [deaf]), tmp_path)
    assert {row["item_id"] for row in rows} <= {f"i{n}" for n in range(1, 12, 2)}
    assert decisions(await run(mixed(12), [PATROLS]), tmp_path) != rows


async def test_a_person_votes_on_what_is_shown_first(tmp_path: Path) -> None:
    stream = mixed(60)
    evaluation = await run(stream, votes=3)
    rows = [row for row in decisions(evaluation, tmp_path) if row["topic_id"] == "patrols"]
    voted = [n for n, row in enumerate(rows) if row["voted"] == "1"]
    assert len(voted) == 3
    labels = labels_of(stream)["patrols"]
    assert all(labels[rows[n]["item_id"]].grade != 1 for n in voted)
    quality = evaluation.qualities()["patrols"]
    later = {row["item_id"] for row in rows[max(voted) + 1 :]}
    assert quality.votes == 3
    assert quality.alerted == sum(
        row["matched"] == "1" and labels.get(row["item_id"], Label(grade=0, story="")).grade != 1
        for row in rows[max(voted) + 1 :]
    )
    assert 0 < quality.relevant < sum(label.grade == 2 for label in labels.values())
    assert quality.relevant <= len(later)


@pytest.mark.parametrize("votes", [0, 1, 4])
async def test_the_independent_scorer_says_the_same(tmp_path: Path, votes: int) -> None:
    if not SCORER.exists():
        pytest.skip("the independent scorer is not beside this repository")
    stream = mixed(60)
    labels = labels_of(stream)
    labels["floods"]["nowhere"] = Label(grade=2, story="lost")
    evaluation = await run(stream, votes=votes, labels=labels)
    write_decisions(evaluation, tmp_path / "d.tsv")
    rows = (
        f"{t}\t{i}\t{of.grade}\t{of.story}\n" for t, by_item in labels.items() for i, of in by_item.items()
    )
    (tmp_path / "l.tsv").write_text("".join(rows))
    command = [sys.executable, str(SCORER), str(tmp_path / "l.tsv"), str(tmp_path / "d.tsv")]
    scored = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    theirs = json.loads(scored.stdout)
    ours = as_json(evaluation, 1.0)
    names = {"matched": "alerted", "messages": "alerts", "stories_told": "stories_alerted"}
    same = ("precision", "recall", "f1", "average_precision", "relevant", "stories")
    for topic_id, figures in theirs["topics"].items():
        for name in (*same, *names):
            assert ours["topics"][topic_id][names.get(name, name)] == pytest.approx(figures[name]), name
    for name in same[:4]:
        assert ours["macro"][name] == pytest.approx(theirs["macro"][name])
    assert ours["macro"]["alerts_per_story"] == pytest.approx(theirs["macro"]["messages_per_story"])


async def test_the_figures_have_the_form_that_was_promised(tmp_path: Path) -> None:
    write_json(await run(mixed(30)), 1.5, tmp_path / "figures.json")
    figures = json.loads((tmp_path / "figures.json").read_text())
    promised = "relevant alerted precision recall f1 average_precision brier stories stories_alerted "
    assert figures["topics"]["patrols"].keys() >= {*promised.split(), "alerts_per_story", "votes"}
    assert (figures["items"], figures["seconds"]) == (30, 1.5)
    assert figures["topics"]["patrols"]["relevant"] == 5
    assert figures["topics"]["patrols"]["recall"] == 1.0


async def test_a_second_run_encodes_nothing() -> None:
    encoders: list[WordEncoder] = []

    def load() -> WordEncoder:
        encoders.append(WordEncoder())
        return encoders[-1]

    stream = mixed(12)
    found = [
        await evaluate(TOPICS, stream, labels_of(stream), load=load, alerts=AlertSettings()) for _ in range(2)
    ]
    assert encoders[0].encoded
    assert encoders[1].encoded == []
    assert found[0].order == found[1].order


async def test_what_cannot_be_measured_is_refused() -> None:
    stream = mixed(3)
    for topics, played, labels in (
        (TOPICS, [], labels_of(stream)),
        (TOPICS, [*stream, stream[0]], labels_of(stream)),
        (TOPICS, stream, {"others": {}}),
    ):
        with pytest.raises(MonitorError):
            await run(played, topics, labels=labels)


async def test_plots_are_drawn_for_every_topic(tmp_path: Path) -> None:
    files = write_plots(await run(mixed(30)), tmp_path / "plots")
    assert [file.name for file in files] == ["calibration.svg", "patrols.svg", "floods.svg"]
    assert all(file.read_text().startswith("<svg ") for file in files)
