"""Runs the watchlists' own examples as tests: does the model put each on its side of the topic's cut?

Examples also teach. So each is scored by a topic that has not been given this one.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from monitor.errors import MonitorError
from monitor.poll import recognised
from monitor.records import Item, ParsedItem, Score, Topic
from monitor.rehearsal import Scratch, as_stored, open_scratch
from monitor.relevance import KEPT_FROM, judge
from monitor.scoring import Encoder

__all__ = ["Result", "as_json", "lines", "run_examples", "write_junit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """An example and how it fared; ``relevant`` is the side it has to be on, ``score`` is None under 1."""

    topic: Topic
    text: str
    relevant: bool
    score: Score | None

    @property
    def passed(self) -> bool:
        """Whether the example fell on its side of the cut."""
        return (self.score is not None and self.score.matched) == self.relevant

    @property
    def why(self) -> str:
        """What a person needs to mend it: score, cut, the closest sentence and the parts of the score."""
        if self.score is None:
            return f"scored under {KEPT_FROM:.0f}, expected at least {self.topic.cut:.0f}"
        evidence = self.score.evidence
        if evidence.gate:
            return f"kept out: {evidence.gate}"
        parts = ", ".join(f"{part} {value:+.0f}" for part, value in evidence.parts.items())
        wanted = "at least" if self.relevant else "under"
        return (
            f"scored {self.score.score:.0f}, expected {wanted} {self.topic.cut:.0f}; "
            f"closest: “{evidence.sentence}” ({parts})"
        )


async def run_examples(
    topics: Sequence[Topic],
    *,
    load: Callable[[], Encoder],
    on_result: Callable[[Result], None] = lambda _result: None,
) -> list[Result]:
    """Score every example of these topics, in the order of the files; ModelError if there is no model."""
    async with open_scratch(load) as scratch:
        results = []
        for topic in topics:
            async for result in _of_topic(topic, scratch):
                results.append(result)
                on_result(result)
    return results


async def _of_topic(topic: Topic, scratch: Scratch) -> AsyncIterator[Result]:
    vectors = scratch.vectoriser
    learning = await scratch.learning([topic])
    examples = [(text, True) for text in topic.relevant] + [(text, False) for text in topic.irrelevant]
    for text, relevant in examples:
        view = await learning.without(topic.id, text)
        near = view.near(await vectors.vectors([text]), np.ones((1, 1), bool))
        tokens = dict(enumerate(await vectors.tokens([text])))
        score = next(judge(view, _headline(text), near, range(1), tokens), None)
        yield Result(topic=topic, text=text, relevant=relevant, score=score)


def _headline(text: str) -> Item:
    parsed = ParsedItem(guid=None, url=None, title=text, summary="")
    epoch = datetime.fromtimestamp(0, UTC)
    return as_stored(recognised(parsed, key=""), number=0, feed="", first_seen=epoch)


# --- what comes of it --------------------------------------------------------------------------------


def lines(topics: Sequence[Topic], results: Sequence[Result], seconds: float) -> list[str]:
    """Return the results as a test runner tells them: a line per topic, what failed, and how many."""
    text = []
    for topic in topics:
        dots = "".join("." if result.passed else "F" for result in results if result.topic.id == topic.id)
        text.append(f"{topic.id} {dots or '(no examples)'}")
    failed = [result for result in results if not result.passed]
    for result in failed:
        side = "relevant" if result.relevant else "irrelevant"
        text += ["", f"FAILED {result.topic.id}: {side}: {result.text}", f"  {result.why}"]
    counts = f"{len(results) - len(failed)} passed"
    return [*text, "", f"{len(failed)} failed, {counts}" if failed else counts, f"in {seconds:.1f} s"]


def as_json(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Return the results as plain values."""
    return [
        {
            "topic": result.topic.id,
            "example": result.text,
            "relevant": result.relevant,
            "passed": result.passed,
            "score": result.score.score if result.score else None,
            "cut": result.topic.cut,
            "evidence": asdict(result.score.evidence) if result.score else None,
        }
        for result in results
    ]


def write_junit(results: Sequence[Result], seconds: float, path: Path) -> None:
    """Write the results as JUnit XML, which CI servers read: a case per example."""
    failures = str(sum(not result.passed for result in results))
    counts = {"tests": str(len(results)), "failures": failures, "errors": "0", "time": f"{seconds:.3f}"}
    root = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(root, "testsuite", {"name": "monitor test"} | counts)
    for result in results:
        side = "relevant" if result.relevant else "irrelevant"
        names = {"classname": result.topic.id, "name": f"{side}: {result.text}"}
        case = ElementTree.SubElement(suite, "testcase", names)
        if not result.passed:
            ElementTree.SubElement(case, "failure", {"message": result.why}).text = result.why
    try:
        ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise MonitorError(f"cannot write {path}: {(error.strerror or 'unknown trouble').lower()}") from error
