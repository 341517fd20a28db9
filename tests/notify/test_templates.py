"""Layouts of one's own: what they may say, what they may not, and where they are wrong."""

import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from builders import TOKEN, delivery, message
from hypothesis import given
from hypothesis import strategies as st

from monitor.demo.slack import SlackStandIn
from monitor.demo.slack_limits import check_content
from monitor.demo.slack_render import rendered
from monitor.demo.slack_state import BOT, Content, StoredMessage
from monitor.notify import Notifier, open_slack, read_templates
from monitor.notify.templates import Templates
from monitor.records import Message, Posted

MANUAL = Path(__file__).parents[2] / "docs" / "templates.md"
EXAMPLE = re.findall(r"```jinja\n(.*?)```", MANUAL.read_text(encoding="utf-8"), re.DOTALL)[0]
ANYTHING = st.text() | st.text('"\\{}[],:<>&|!@#*_~`%\n').map(lambda text: text * 3)


def section(text: str) -> str:
    return '[{"type": "section", "text": {"type": "plain_text", "emoji": false, "text": ' + text + "}}]"


def rich(leaf: str) -> str:
    inner = '[{"type": "rich_text_section", "elements": [' + leaf + "]}]"
    return '[{"type": "rich_text", "elements": ' + inner + "}]"


def problems(folder: Path, source: str, name: str = "story.json.j2") -> list[str]:
    (folder / name).write_text(source, encoding="utf-8")
    _, found = read_templates(folder)
    return [str(problem).removeprefix(f"{folder}/") for problem in found]


def shown(blocks: list[dict[str, Any]]) -> StoredMessage:
    return StoredMessage(ts="1.0", content=Content(text="x", blocks=tuple(blocks)), author=BOT)


# --- what a layout says ------------------------------------------------------------------------------


def test_the_manuals_example_passes_and_says_what_it_promises(tmp_path: Path) -> None:
    assert problems(tmp_path, EXAMPLE) == []
    told = message(sources=("Wire", "Daily"), items=2, mention="here", title='A "quoted" \\ title')
    blocks = Templates({"story": EXAMPLE}).blocks(told)
    assert blocks is not None
    view = rendered(shown(blocks))
    assert view.text.split("\n")[0] == '@here 80  A "quoted" \\ title  wire.example'
    assert "Patrols · 20 Nov 2026 12:00 UTC\nWire, Daily" in view.text
    assert [found.target for found in view.notifies] == ["here"]


@given(
    st.builds(
        message,
        title=ANYTHING,
        summary=ANYTHING,
        topic_name=ANYTHING,
        url=st.none() | ANYTHING | ANYTHING.map("https://wire.example/{}".format),
        sources=st.lists(ANYTHING, max_size=4).map(tuple),
    )
)
def test_nothing_from_a_feed_formats_or_mentions_in_a_layout(told: Message) -> None:
    blocks = Templates({"story": EXAMPLE}).blocks(told)
    if blocks is None:
        return  # an empty text or an address that cannot be linked: the built-in layout has it
    stored = shown(blocks)
    check_content(stored.content)
    view = rendered(stored)
    assert view.mentions == ()
    assert view.emoji == ()
    assert len(view.links) <= 1


def test_no_layout_means_the_built_in_one() -> None:
    assert Templates({"digest": section('"x"')}).blocks(message()) is None
    assert read_templates(Path("nowhere")) == ({}, ())


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("{{ title }}", "Report number 1 of the patrol"),
        ("{{ title | upper | cut(6) }}", "REPOR…"),
        ("{{ first_seen | time }}", "20 Nov 2026 12:00 UTC"),
        ("{{ score | dots }}", "●●●●○"),
        ('{{ "%s" ~ (url | host) }}', "%swire.example"),
        ('{{ "a" if author else "nobody" }}', "nobody"),
        ("{{ title | tojson }}", "Report number 1 of the patrol"),
        ('{{ ["a", title | length] | join(", ") }}', "a, 29"),
        ('{{ "" ~ (12.345 | round(1)) ~ (12.5 | round | int) }}', "12.312"),
    ],
)
def test_values_and_filters(value: str, said: str) -> None:
    blocks = Templates({"story": section(value)}).blocks(message())
    assert blocks is not None
    assert rendered(shown(blocks)).text == said


# --- what it must not --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("", "1:1: this must put out a JSON list of blocks, which begins with ["),
        ("[]", "1:1: a layout has 1 to 47 blocks; here are 0"),
        ("[\n  {{ titel }}\n]", "2:3: there is no 'titel'; there are acknowledged_by, author,"),
        (
            "[\n\n  {% if latest %}{{ latest.titel }}{% endif %}\n]",
            "3:3: 'monitor.records.sent.Entry object'",
        ),
        ("[\n  {% if title %}\n]", "2:3: Unexpected end of template."),
        ('[\n  {"type": "divider"},\n  nonsense\n]', "3:3: what this puts out is no JSON: expecting value"),
        ('[{"type": "divider"}\n {"type": "divider"}]', "2:2: what this puts out is no JSON: one comma or"),
        ('[{"type": "divider"},\n ]', "1:1: what this puts out is no JSON: one comma or"),
        ('[{"type": "divider"}', "1:1: what this puts out is no JSON: one comma or"),
        ('[{"type": "divider"}] and', "1:1: what this puts out goes on after its list: 'and'"),
        (section('"{{ title }}"'), "at 'Thousands leave their homes as'; a {{ … }} has quotes of its own"),
        (section("{{ published | time }}"), "1:1: time is for a time, and this is none; ask {% if"),
        (rich("{{ mention | mention }}"), "1:1: nobody is mentioned here; ask {% if mention %} before"),
        (section("NaN"), "1:1: what this puts out is no JSON"),
        (section("{{ first_seen }}"), "1:1: this is no text and no number but a time (try the filter time)"),
        (section("{{ sources }}"), "1:1: this is no text and no number but a list"),
        (section("{{ summary }}"), "1:1: block 1: text.text must have 1 to 3,000 characters; it has 0"),
        (section("{{ title | safe }}"), "1:1: No filter named 'safe'."),
        (section("{{ title.format(1) }}"), "1:1: a layout has no calls; there are filters"),
        (section("{{ title.__class__ }}"), "1:1: access to attribute '__class__' of 'str' object is unsafe."),
        (
            section("{{ title['__class__'] }}"),
            "1:1: access to attribute '__class__' of 'str' object is unsafe",
        ),
        (section("{{ title * 1000000000 }}"), "1:1: a layout has no mul here"),
        (section("{{ range(9) }}"), "1:1: a layout has no calls; there are filters"),
        ("{% set a = title %}[]", "1:1: a layout has no 'set'"),
        ("{% macro a() %}{% endmacro %}[]", "1:1: a layout has no macro here"),
        ("{% include 'story.json.j2' %}", "1:1: a layout has no include here"),
        ("{% for a in title %}{% endfor %}[]", "1:1: a list is needed here, and this is none"),
        (
            "{% for a in sources %}{% for b in sources %}\n{% for c in sources %}" + "{% endfor %}" * 3,
            "2:1: loops may stand two deep at most",
        ),
        ("[" + '{"type": "divider"},' * 47 + '{"type": "divider"}]', "1:1: a layout has 1 to 47 blocks"),
        ("[" + section(f'"{"x" * 3000}"')[1:-1] + "," + section(f'"{"x" * 3000}"')[1:], "ok"),
        (
            "[" + ",".join(section(f'"{"x" * 2900}"')[1:-1] for _ in range(4)) + "]",
            "1:1: all blocks have 11,000",
        ),
        (
            '[{"type": "section", "text": {"type": "mrkdwn", "text": "x"}}]',
            "block 1: text must be of type plain",
        ),
        ('[{"type": "header", "text": {"type": "plain_text", "text": "x"}}]', 'text must say "emoji": false'),
        ('[{"type": "markdown", "text": "x"}]', "a layout has no block of type markdown; there are context"),
        ('[{"type": "image", "image_url": "https://a.example/", "alt_text": "x"}]', "no block of type image"),
        ('[{"type": "actions", "elements": []}]', "no block of type actions"),
        ('[{"type": ["divider"]}]', "no block of type nothing"),
        ('["x"]', "a block is an object"),
        ('[{"type": "divider", "id": 1}]', "the block may not have 'id'"),
        ('[{"type": "section"}]', "text must be of type plain_text"),
        ('[{"type": "context", "elements": [{"type": "image"}]}]', "elements[0] must be of type plain_text"),
        ('[{"type": "context", "elements": []}]', "elements is a list of 1 to 10 texts"),
        (rich('{"type": "emoji", "name": "fire"}'), "elements[0].elements[0] must be a text, a link, or"),
        (
            rich('{"type": "user", "user_id": "U1"}'),
            "elements[0].elements[0] mentions somebody; only {{ mention",
        ),
        (
            rich('{"type": "link", "url": "x:y", "text": "x"}'),
            "elements[0].elements[0].url is no web address",
        ),
        (rich('{"type": "text", "text": "x", "style": {"big": true}}'), "style may set bold, code, italic"),
        (rich('{"type": "text", "text": "x", "style": {"bold": []}}'), "style may set bold, code, italic"),
        (
            '[{"type": "rich_text", "elements": [{"type": "rich_text_list", "elements": []}]}]',
            "style must be",
        ),
        ("{% if title %}" * 150 + "{% endif %}" * 150, "1:1: this is nested too deeply"),
        (section("{{ " + "(" * 2_000 + "title" + ")" * 2_000 + " }}"), "1:1: this is nested too deeply"),
        (section("{{ " + "not " * 5_000 + "title }}"), "1:1: this is nested too deeply"),
        ("[" * 5_000, "1:1: what this puts out is no JSON"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, source: str, said: str) -> None:
    found = problems(tmp_path, source)
    if said == "ok":
        assert found == []
        return
    assert found
    assert any(f"story.json.j2:{said}" in line or (said[1] != ":" and said in line) for line in found), found


def test_a_mention_is_allowed_to_be_the_messages_own() -> None:
    layout = rich("{{ mention | mention }}")
    blocks = Templates({"story": layout}).blocks(message(mention="S012ABC"))
    assert blocks is not None
    assert [found.target for found in rendered(shown(blocks)).notifies] == ["S012ABC"]
    other = rich('{"type": "usergroup", "usergroup_id": {{ title }}}')
    assert Templates({"story": other}).blocks(message(mention="S012ABC", title="S999")) is None


def test_files_that_are_no_layouts(tmp_path: Path) -> None:
    said = "no layout is called so; there are story.json.j2, update.json.j2, listing.json.j2, "
    assert problems(tmp_path, "", "stories.json.j2")[0].startswith(f"stories.json.j2:1:1: {said}")
    (tmp_path / "stories.json.j2").unlink()
    (tmp_path / "story.json.j2").write_bytes(b"[\xff]")
    (tmp_path / "update.json.j2").mkdir()
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "digest.json.j2").write_text("x" * 50_001)
    sources, found = read_templates(tmp_path)
    assert sources == {}
    assert [str(problem).rpartition(": ")[2] for problem in found] == [
        "a layout has 50,000 characters at most",
        "this file is not UTF-8; save it as UTF-8",
        "is a directory",
    ]


def test_every_kind_has_a_layout_that_passes(tmp_path: Path) -> None:
    for name, value in {
        "update": '{{ sources ~ " sources" }}',
        "listing": '{% for story in stories[:1] %}{{ "first: " ~ story.title }}{% endfor %}',
        "digest": '{{ period ~ " " ~ (topics | length) }}',
        "reminder": '{{ "still: " ~ title }}',
    }.items():
        assert problems(tmp_path, section(value), f"{name}.json.j2") == []
    sources, _ = read_templates(tmp_path)
    assert set(sources) == {"update", "listing", "digest", "reminder"}


# --- what it costs -----------------------------------------------------------------------------------


def test_a_layout_neither_hangs_nor_swells() -> None:
    title = "x" * 10_000_000
    doubled = "{{ " + " ~ ".join(["title"] * 5_000) + " }}"
    loops = "{% for a in sources %}{% for b in sources %}" + "{{ title }}" + "{% endfor %}{% endfor %}"
    told = message(title=title, sources=("x",) * 10_000)
    joined = "{{ title | join(title) | join(title) }}"
    between = "{{ " + "sources | join(" * 9 + "title" + ")" * 9 + " }}"
    powers = ['{{ 1 | round(99999999, "ceil") }}', "{{ 1 | round(-99999999) }}{{ title }}"]
    marked = f"\ufdd0{'9' * 5_000}\ufdd1"
    for source in (section(doubled), loops, *map(section, (joined, between, marked, *powers))):
        assert Templates({"story": source}).blocks(told) is None
    counted = section("{% for a in sources %}{% if loop.last %}{{ loop.index }}{% endif %}{% endfor %}")
    assert Templates({"story": counted.replace("{{ loop.index }}", '{{ "" ~ loop.index }}')}).blocks(
        told
    ) == [{"type": "section", "text": {"type": "plain_text", "emoji": False, "text": "100"}}]


# --- in the service ----------------------------------------------------------------------------------


@pytest.fixture
async def slack(standin: SlackStandIn) -> AsyncIterator[Notifier]:
    layouts = {"story": section("{{ summary }}")}
    async with open_slack(standin.api_url, TOKEN, buttons=True, templates=layouts) as notifier:
        yield notifier


async def test_a_message_comes_in_its_layout_and_keeps_its_buttons(
    slack: Notifier, standin: SlackStandIn
) -> None:
    assert isinstance(await slack.post(delivery()), Posted)
    (stored,) = standin.messages("news-alerts")
    assert [block["type"] for block in stored.blocks] == ["section", "actions"]
    assert rendered(stored).text.startswith(message().summary)


async def test_a_layout_that_fails_costs_nothing_but_itself_and_is_logged_once(
    slack: Notifier, standin: SlackStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    for number in range(3):
        assert isinstance(await slack.post(delivery(id=f"d{number}", message=message(summary=""))), Posted)
    assert all(message().title in rendered(stored).text for stored in standin.messages("news-alerts"))
    (logged,) = caplog.records
    assert logged.getMessage() == "template_failed"
