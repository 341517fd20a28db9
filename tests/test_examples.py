"""The watchlists' own examples as tests."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from builders import topic
from streams import ABOUT, FLOODS
from words import WordEncoder

from monitor.configuration import load_configuration
from monitor.examples import Result, as_json, lines, run_examples, write_junit
from monitor.records import Topic
from monitor.scoring import open_encoder
from monitor.scoring.models import BUNDLED

CONFIG = Path(__file__).parents[1] / "config"

RIGHT = topic(
    about=(ABOUT,),
    name=ABOUT,
    relevant=(ABOUT, "the soldiers find a hidden camp"),
    irrelevant=("harvest festival",),
)
WRONG = topic(
    id="wrong", about=(ABOUT,), name=ABOUT, relevant=("rivers <flood> a town",), irrelevant=(ABOUT,)
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


async def run(*topics: Topic) -> list[Result]:
    return await run_examples(topics, load=WordEncoder)


async def test_each_example_falls_on_a_side() -> None:
    results = await run(RIGHT, WRONG)
    assert [result.passed for result in results] == [True, True, True, False, False]
    assert [result.relevant for result in results] == [True, True, False, True, False]


async def test_the_report_reads_like_a_test_runner() -> None:
    text = lines([RIGHT, WRONG, FLOODS], await run(RIGHT, WRONG), 1.0)
    assert text[:3] == ["patrols ...", "wrong FF", "floods (no examples)"]
    assert "FAILED wrong: relevant: rivers <flood> a town" in text
    assert any(f"closest: “{ABOUT}”" in line and "expected under 50" in line for line in text)
    assert "2 failed, 3 passed" in text


async def test_words_that_keep_an_example_out_are_named() -> None:
    gated = topic(about=(ABOUT,), name=ABOUT, must_mention=("Jolo",), relevant=(ABOUT,))
    (result,) = await run(gated)
    assert not result.passed
    assert result.why == "kept out: mentions none of Jolo"


async def test_feeds_do_not_matter_to_examples() -> None:
    (result,) = await run(topic(about=(ABOUT,), name=ABOUT, feeds=frozenset({"asia"}), relevant=(ABOUT,)))
    assert result.passed


async def test_junit_counts_and_explains(tmp_path: Path) -> None:
    write_junit(await run(RIGHT, WRONG), 1.5, tmp_path / "junit.xml")
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("time")) == ("5", "2", "1.500")
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    failure = cases["relevant: rivers <flood> a town"].find("failure")
    assert failure is not None
    assert "expected at least 50" in (failure.get("message") or "")
    assert cases[f"relevant: {ABOUT}"].find("failure") is None


@pytest.mark.slow
async def test_every_shipped_example_falls_on_its_side() -> None:
    topics = load_configuration(CONFIG, {}).topics
    assert all(min(len(topic.relevant), len(topic.irrelevant)) >= 6 for topic in topics)
    results = await run_examples(topics, load=lambda: open_encoder(BUNDLED))
    assert [f"{result.text}: {result.why}" for result in results if not result.passed] == []


async def test_json_has_the_evidence() -> None:
    first, *_ = as_json(await run(RIGHT))
    assert (first["topic"], first["example"], first["passed"], first["cut"]) == ("patrols", ABOUT, True, 50.0)
    assert first["evidence"]["sentence"] == ABOUT
