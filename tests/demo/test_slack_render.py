"""What Slack would show of a message, and what it would set off."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.demo.slack_render import Link, Rendered, rendered
from monitor.demo.slack_state import BOT, Content, StoredMessage

NOT_UNFURLED = {"unfurl_links": False, "unfurl_media": False}


def show(text: str = "", *blocks: dict[str, Any], **options: Any) -> Rendered:
    content = Content(text=text, blocks=blocks, **options)
    return rendered(StoredMessage(ts="1.0", content=content, author=BOT))


def mrkdwn(text: str, **options: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, **options}}


def plain(text: str, **options: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "plain_text", "text": text, **options}}


def rich(*elements: dict[str, Any], kind: str = "rich_text_section") -> dict[str, Any]:
    return {"type": "rich_text", "elements": [{"type": kind, "elements": list(elements)}]}


def named(shown: Rendered) -> list[tuple[str, str]]:
    return [(mention.kind, mention.target) for mention in shown.mentions]


@pytest.mark.parametrize(
    ("text", "mentions", "visible"),
    [
        ("hi <@U123>", [("user", "U123")], "hi @U123"),
        ("hi <@U123|bob>", [("user", "U123")], "hi @U123"),
        ("<!here> now", [("broadcast", "here")], "@here now"),
        ("<!channel|x>", [("broadcast", "channel")], "@channel"),
        ("<!everyone>", [("broadcast", "everyone")], "@everyone"),
        ("<!subteam^S12|@desk>", [("usergroup", "S12")], "@desk"),
        ("<#C12|general>", [("channel", "C12")], "#general"),
        ("`<!here>`", [("broadcast", "here")], "@here"),
        ("*<!here>*", [("broadcast", "here")], "@here"),
        ("> <!here>", [("broadcast", "here")], "@here"),
        ("&lt;!here&gt; &lt;@U1&gt;", [], "<!here> <@U1>"),
        ("&amp;lt;!here&amp;gt;", [], "&lt;!here&gt;"),
        ("@here and @channel", [], "@here and @channel"),
        ("<not a link>", [], "<not a link>"),
        ("<!date^1700000000^{date}|14 Nov>", [], "14 Nov"),
        ("a < b & c > d", [], "a < b & c > d"),
        ("\ufffc <!here>", [("broadcast", "here")], "\ufffc @here"),
    ],
)
def test_mentions_in_mrkdwn(text: str, mentions: list[tuple[str, str]], visible: str) -> None:
    for shown in (show(text), show("", mrkdwn(text, verbatim=True))):
        assert named(shown) == mentions
        assert shown.text == visible


def test_what_rings() -> None:
    assert [mention.target for mention in show("<#C1> <@U1> <!here>").notifies] == ["U1", "here"]


def test_names_are_looked_for_only_where_slack_is_asked_to() -> None:
    text = "ask @here or @bob in #desk, me@x.example"
    assert named(show(text)) == []
    assert named(show(text, link_names=True)) == [("broadcast", "here"), ("user", "bob"), ("channel", "desk")]
    assert named(show(text, parse="full")) == named(show(text, link_names=True))
    assert named(show("", mrkdwn(text))) == [("broadcast", "here")]
    assert named(show("", mrkdwn(text, verbatim=True))) == []


@pytest.mark.parametrize(
    ("text", "styles", "visible"),
    [
        ("*b*", [("b", ("bold",))], "b"),
        ("_i_ and ~s~", [("i", ("italic",)), ("s", ("strike",))], "i and s"),
        ("*b _bi_*", [("b ", ("bold",)), ("bi", ("bold", "italic"))], "b bi"),
        ("`*code*`", [("*code*", ("code",))], "*code*"),
        ("2*3* 4, snake_case_ name", [], "2*3* 4, snake_case_ name"),
        ("* not bold *", [], "* not bold *"),
        ("*over\nlines*", [], "*over\nlines*"),
        ("a\n*b*\nc", [("b", ("bold",))], "a\nb\nc"),
    ],
)
def test_styles_in_mrkdwn(text: str, styles: list[tuple[str, tuple[str, ...]]], visible: str) -> None:
    shown = show(text)
    assert [(span.text, span.styles) for span in shown.styled] == styles
    assert shown.text == visible
    literal = show(text, mrkdwn=False)
    assert (literal.styled, literal.text) == ((), text)


def test_paragraphs_of_mrkdwn() -> None:
    (block,) = show("a\n&gt; said\n&gt; more\nb ```\n*code*\n``` c").blocks
    assert [(part.kind, "".join(span.text for span in part.spans)) for part in block.paragraphs] == [
        ("text", "a\n"),
        ("quote", "said\nmore\n"),
        ("text", "b "),
        ("preformatted", "*code*"),
        ("text", " c"),
    ]


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("<https://a.example/x|read>", [("https://a.example/x", "read")]),
        ("<https://a.example/?a=1&amp;b=2>", [("https://a.example/?a=1&b=2",) * 2]),
        ("<javascript:alert(1)|ok>", [("javascript:alert(1)", "ok")]),
        ("see https://a.example/x_y_.", [("https://a.example/x_y_.".rstrip("._"), "https://a.example/x_y")]),
        ("(https://a.example/?a&amp;b&gt;", [("https://a.example/?a&b",) * 2]),
        ("at evil.example/x now", [("http://evil.example/x", "evil.example/x")]),
        ("mail me@x.example", [("mailto:me@x.example", "me@x.example")]),
        ("<see https://a.example/>", [("https://a.example/",) * 2]),
        ("&lt;https://a.example|read&gt;", [("https://a.example",) * 2]),
        ("version 3.14 at 10:30", []),
    ],
)
def test_links_in_mrkdwn(text: str, links: list[tuple[str, str]]) -> None:
    assert [(link.url, link.label) for link in show(text).links] == links
    explicit = links if text.startswith(("<https", "<java")) else []
    assert [(link.url, link.label) for link in show(text, parse="none").links] == explicit
    assert [(link.url, link.label) for link in show("", mrkdwn(text, verbatim=True)).links] == explicit


@pytest.mark.parametrize(
    ("url", "label", "misleading"),
    [
        ("https://evil.example/", "bank.example", True),
        ("https://evil.example/", "https://bank.example/login", True),
        ("https://bank.example@evil.example/", "bank.example", True),
        ("https://www.bank.example/a", "bank.example", False),
        ("https://evil.example/", "Read more", False),
    ],
)
def test_links_that_say_another_host(url: str, label: str, misleading: bool) -> None:
    (link,) = show("", rich({"type": "link", "url": url, "text": label})).links
    assert link == Link(url=url, label=label)
    assert link.misleading is misleading


def test_emoji() -> None:
    assert show(":fire: at 10:30:45 :sos_x:").emoji == ("fire", "sos_x")
    assert show(":fire:").text == "🔥"
    assert show("", plain(":fire:")).emoji == ("fire",)
    literal = show("", plain(":fire:", emoji=False))
    assert (literal.emoji, literal.text) == ((), ":fire:")
    assert show("", rich({"type": "emoji", "name": "fire"})).emoji == ("fire",)


def test_rich_text_elements() -> None:
    shown = show(
        "",
        rich(
            {"type": "text", "text": "x", "style": {"bold": True, "italic": False}},
            {"type": "user", "user_id": "U1"},
            {"type": "usergroup", "usergroup_id": "S1"},
            {"type": "broadcast", "range": "here"},
            {"type": "channel", "channel_id": "C1"},
            {"type": "link", "url": "https://a.example/"},
            {"type": "date", "timestamp": 1, "format": "{date}", "fallback": "then"},
        ),
    )
    assert shown.text == "x@U1@S1@here#C1https://a.example/then"
    assert named(shown) == [("user", "U1"), ("usergroup", "S1"), ("broadcast", "here"), ("channel", "C1")]
    assert [span.text for span in shown.styled] == ["x"]
    entries = [{"type": "rich_text_section", "elements": [{"type": "text", "text": text}]} for text in "ab"]
    listed = {"type": "rich_text_list", "style": "ordered", "indent": 1, "elements": entries}
    (block,) = show("", {"type": "rich_text", "elements": [listed]}).blocks
    assert [(part.kind, part.indent) for part in block.paragraphs] == [("ordered", 1), ("ordered", 1)]


def test_every_other_block() -> None:
    label = {"type": "plain_text", "text": "Yes"}
    image = {"type": "image", "image_url": "https://a.example/i", "alt_text": "a map"}
    shown = show(
        "notification",
        {"type": "header", "text": {"type": "plain_text", "text": "Title"}},
        {**plain("body"), "fields": [{"type": "mrkdwn", "text": "*f*"}], "accessory": image},
        {"type": "context", "elements": [label, image]},
        {"type": "divider"},
        {**image, "title": label},
        {"type": "actions", "elements": [{"type": "button", "text": label, "url": "https://a.example/"}]},
    )
    kinds = [(block.kind, [part.kind for part in block.paragraphs]) for block in shown.blocks]
    assert kinds == [
        ("header", ["text"]),
        ("section", ["text", "field", "image"]),
        ("context", ["text", "image"]),
        ("divider", []),
        ("image", ["text", "image"]),
        ("actions", ["button"]),
    ]
    assert shown.text == "Title\nbody\nf\na map\nYes\na map\nYes\na map\nYes"
    assert [link.label for link in shown.links] == ["Yes"]


def test_below_blocks_the_text_is_only_the_notification() -> None:
    shown = show("<@U1> <!here> *b*", plain("body"))
    assert (shown.text, shown.styled) == ("body", ())
    assert named(shown) == [("broadcast", "here")]


def test_previews_unless_both_kinds_are_declined() -> None:
    text = "<https://a.example/|a> <mailto:b@x.example|b>"
    assert show(text).previews == ("https://a.example/",)
    assert show(text, unfurl_links=False).previews == ("https://a.example/",)
    assert show(text, **NOT_UNFURLED).previews == ()


def test_characters_that_hide_or_turn_the_text_are_named() -> None:
    shown = show("", rich({"type": "text", "text": "a\u202eb\u200bc\x07\ud800\nd"}))
    assert shown.invisible == ("U+202E", "U+200B", "U+0007", "U+D800")


HOSTILE = st.text(st.sampled_from(list("<>!@#|^*_~`:&;\n> /.ahttps://here\ufffc")) | st.characters())


@given(HOSTILE)
def test_literal_text_sets_nothing_off(text: str) -> None:
    for block in (plain(text, emoji=False), rich({"type": "text", "text": text})):
        shown = show("", block)
        assert "".join(span.text for span in shown.spans) == text
        assert (shown.mentions, shown.links, shown.styled, shown.emoji) == ((), (), (), ())


@given(HOSTILE)
def test_escaped_text_loses_nothing_and_mentions_nobody(text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    shown = show(escaped, mrkdwn=False, parse="none")
    assert "".join(span.text for span in shown.spans) == text
    assert (shown.mentions, shown.links, shown.styled) == ((), (), ())


@given(HOSTILE)
def test_any_text_can_be_read(text: str) -> None:
    for shown in (show(text), show(text, parse="full"), show("", mrkdwn(text or "a"))):
        assert isinstance(shown.text, str)
