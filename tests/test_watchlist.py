"""Watchlists: every mistake at its exact place."""

from pathlib import Path

import pytest

from monitor.watchlist import read_watchlists

LABELS = frozenset({"One", "english", "middle-east"})
WATCHLIST = """\
watchlist: Desk
topics:
  - id: floods
    name: Floods
    about:
      - A river floods a town
    feeds: [middle-east]
"""


def problems(folder: Path, text: str) -> list[str]:
    (folder / "a.yaml").write_text(text, encoding="utf-8")
    found = read_watchlists(folder, LABELS, "#news").problems
    assert not any("canary" in problem.message for problem in found)
    return [str(problem).removeprefix(f"{folder}/") for problem in found]


TOPIC = "  - id: fires\n    name: Fires\n    about:\n      - A forest burns\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("topics:\n" + TOPIC, "1:1: the key 'watchlist' is missing here"),
        ("watchlist: 5\ntopics:\n" + TOPIC, "1:12: a text is needed here, and this is a number"),
        ("watchlist: X\n", "1:1: the key 'topics' is missing here"),
        ("watchlist: X\ntopics: []\n", "2:9: this list is empty"),
        ("watchlist: X\ntopics: [a]\n", "2:10: a mapping is needed here"),
        (
            "watchlist: X\nchanel: '#x'\ntopics:\n" + TOPIC,
            "2:1: unknown key 'chanel'; did you mean 'channel'?",
        ),
        ("watchlist: X\nchannel: #x\ntopics:\n" + TOPIC, "2:10: to YAML an unquoted # starts a comment"),
    ],
)
def test_mistakes_in_a_file(tmp_path: Path, text: str, expected: str) -> None:
    (problem,) = problems(tmp_path, text)
    assert problem.startswith(f"a.yaml:{expected}")


@pytest.mark.parametrize(
    ("line_7", "expected"),
    [
        ("id: again", "7:5: the key 'id' is already on line 3"),
        ("abuot: [x]", "7:5: unknown key 'abuot'; did you mean 'about'?"),
        ("token: canary", "7:5: a secret is no setting; put the bot token in"),
        (
            "not_about: [Fire: a film]",
            "7:17: a text is needed here, and YAML reads ': ' as the end of a key; quote",
        ),
        ("must_mention: [true]", "7:20: a text is needed here, and this is true or false to YAML"),
        ("must_mention:", "7:17: a list is needed here"),
        (
            "feeds: [middle-est]",
            "7:13: no feed has the tag or name 'middle-est'; did you mean 'middle-east'?",
        ),
        (
            "feeds: [english, qqqq]",
            "7:22: no feed has the tag or name 'qqqq'; known here: 'One', 'english', 'middle-east'",
        ),
        (
            "sensitivity: srtict",
            "7:18: 'srtict' is not a sensitivity; write strict, balanced, broad, or a score",
        ),
        ("sensitivity: 101", "7:18: 101 is not a sensitivity"),
        ("sensitivity: -0.5", "7:18: -0.5 is not a sensitivity"),
        ("sensitivity: true", "7:18: true is not a sensitivity"),
        ("sensitivity: '50'", "7:18: '50' is not a sensitivity"),
        ("sensitivity: [50]", "7:18: [50] is not a sensitivity"),
        ("channel: desk", "7:14: 'desk' is not a Slack channel"),
        ("mention: everyone", "7:14: 'everyone' cannot be mentioned; write here, channel, a user id"),
        ("mention: '@here'", "7:14: '@here' cannot be mentioned"),
        ("mention: #here", "7:14: to YAML an unquoted # starts a comment"),
        ("examples: [x]", "7:15: a mapping is needed here"),
        ("examples: {relevent: [x]}", "7:16: unknown key 'relevent'; did you mean 'relevant'?"),
        (
            "examples: {relevant: [A b], irrelevant: [c, a  B]}",
            "7:49: this example is already a relevant one on line 7",
        ),
    ],
)
def test_mistakes_in_a_topic(tmp_path: Path, line_7: str, expected: str) -> None:
    (problem,) = problems(tmp_path, WATCHLIST.replace("feeds: [middle-east]", line_7))
    assert problem.startswith(f"a.yaml:{expected}")


@pytest.mark.parametrize(
    ("written", "instead", "expected"),
    [
        ("id: floods", "id: Floods", "3:9: 'Floods' is not an id; use small letters"),
        ("id: floods", "id: -floods", "3:9: '-floods' is not an id"),
        ("id: floods", f"id: {'f' * 65}", f"3:9: '{'f' * 56}…' is not an id"),
        ("id: floods", "id: 5", "3:9: a text is needed here, and this is a number"),
        ("id: floods", "id: null", "3:9: a text is missing here"),
        ("    name: Floods\n", "", "3:5: the key 'name' is missing here"),
        ("\n      - A river floods a town", " []", "5:12: this list is empty; it needs at least one entry"),
        ("\n      - A river floods a town", "", "5:10: a list is needed here"),
        ("\n      - A river floods a town", " A river floods", "5:12: a list is needed here"),
        (
            "A river floods a town",
            "Flood: a town",
            "6:9: a text is needed here, and YAML reads ': ' as the end",
        ),
        ("A river floods a town", "'  '", "6:9: this text is empty"),
        ("A river floods a town", "A b\n      - a  B", "7:9: this sentence is already on line 6"),
        ("A river floods a town", '"A river', "6:9: this quote is never closed"),
    ],
)
def test_mistakes_in_the_heart_of_a_topic(tmp_path: Path, written: str, instead: str, expected: str) -> None:
    (problem,) = problems(tmp_path, WATCHLIST.replace(written, instead))
    assert problem.startswith(f"a.yaml:{expected}")


def test_one_topic_twice_in_a_file_names_the_line_of_the_first(tmp_path: Path) -> None:
    again = WATCHLIST[WATCHLIST.index("  - id") :]
    assert problems(tmp_path, WATCHLIST + again) == ["a.yaml:8:9: this topic id is already on line 3"]


def test_a_bad_topic_costs_only_itself(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(WATCHLIST + "  - id: BAD\n" + TOPIC, encoding="utf-8")
    watchlists = read_watchlists(tmp_path, LABELS, "#news")
    assert [topic.id for topic in watchlists.topics] == ["floods", "fires"]
    assert [(p.line, p.column) for p in watchlists.problems] == [(8, 9), (8, 5), (8, 5)]
