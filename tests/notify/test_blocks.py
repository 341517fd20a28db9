from typing import Any

import pytest
from builders import NOW, message
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.demo.slack_limits import check_content
from monitor.demo.slack_render import rendered
from monitor.demo.slack_state import BOT, Content, StoredMessage
from monitor.notify.blocks import MAX_TITLE, escaped, plain_lines, slack_blocks, slack_text
from monitor.records import Message, Notice, NoticeEntry

ANYTHING = st.text(st.characters()) | st.text("<>&|!@#:*_~`-./\n\u202e here channel").map(
    lambda text: text * 3
)
HUGE = st.sampled_from(["x" * 10_000, "&" * 10_000, "<!here>" * 5_000, "🛰" * 10_000])
HOSTILE = ANYTHING | HUGE
MESSAGES = st.builds(
    message,
    topic_name=HOSTILE.map(lambda text: text or "Topic"),
    watchlist=HOSTILE,
    title=HOSTILE,
    url=st.none()
    | HOSTILE
    | HOSTILE.map("https://wire.example/{}".format)
    | HOSTILE.map("https://{}".format)
    | HOSTILE.map("HTTP://{}".format),
    source=HOSTILE,
    summary=HOSTILE,
    sentence=HOSTILE,
    author=st.none() | HOSTILE,
    published=st.none() | st.just(NOW),
    also_in=st.lists(HOSTILE, max_size=30).map(tuple),
)


NOTICES = st.lists(
    st.builds(
        NoticeEntry,
        subject=HOSTILE.map(lambda text: text or "Feed"),
        url=st.none() | HOSTILE.map("https://wire.example/{}".format),
        over=st.booleans(),
        text=HOSTILE.map(lambda text: text or "It fails."),
        remedy=st.none() | HOSTILE,
        since=st.just(NOW),
    ),
    min_size=1,
    max_size=10,
).map(lambda entries: Notice(entries=tuple(entries)))


def as_stored(told: Message | Notice) -> StoredMessage:
    blocks: tuple[dict[str, Any], ...] = tuple(slack_blocks(told))
    content = Content(text=slack_text(told), blocks=blocks, mrkdwn=False, parse="none", unfurl_links=False)
    return StoredMessage(ts="1.0", content=content, author=BOT)


def _with_small_scheme(url: str) -> str:
    scheme, colon, rest = url.partition(":")
    return scheme.lower() + colon + rest


@given(MESSAGES)
@example(message(url="HTTP://00"))
@example(message(url="https://\r0"))
@example(message(url="https://0\t0/"))
def test_whatever_a_feed_writes_slack_takes_it_and_sees_no_control_sequence(told: Message) -> None:
    stored = as_stored(told)
    check_content(stored.content)
    assert len(stored.text) <= 4_000
    assert "<" not in stored.text
    shown = rendered(stored)
    assert shown.mentions == ()
    assert [link.url for link in shown.links] in ([], [_with_small_scheme(told.url or "")])
    assert shown.emoji == ()


@given(NOTICES)
def test_whatever_a_server_says_a_notice_is_taken_and_holds_no_control_sequence(told: Notice) -> None:
    stored = as_stored(told)
    check_content(stored.content)
    assert "<" not in stored.text
    shown = rendered(stored)
    assert shown.mentions == ()
    assert {link.url for link in shown.links} <= {entry.url for entry in told.entries}


def test_a_notice_says_what_has_begun_and_what_is_over() -> None:
    begun = NoticeEntry(
        subject="Wire", url="https://wire.example/", over=False, text="Gone.", remedy="Remove it.", since=NOW
    )
    over = NoticeEntry(subject="Daily", url=None, over=True, text="Read again.", remedy=None, since=NOW)
    assert plain_lines(Notice(entries=(begun, over))) == [
        "Trouble: Wire · Over: Daily",
        "⚠ Wire: Gone. Remove it. Since 20 Nov 2026 12:00 UTC.",
        "✓ Daily: Read again.",
    ]
    many = Notice(entries=(begun,) * 5)
    assert slack_text(many) == "Trouble: Wire, Wire, Wire and 2 more"


@given(HOSTILE)
def test_escaping_takes_nothing_away(text: str) -> None:
    safe = escaped(text)
    assert "<" not in safe
    assert ">" not in safe
    assert safe.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == text


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://wire.example/1", "wire.example"),
        ("http://wire.example:8080/1", "wire.example"),
        ("https://wire.example@evil.example/", "evil.example"),
        ("https://раypal.example/", "xn--ypal-43d9g.example"),
        ("https://wire.example.evil.example/", "wire.example.evil.example"),
    ],
)
def test_where_a_link_leads_is_in_plain_sight(url: str, host: str) -> None:
    shown = rendered(as_stored(message(url=url)))
    (link,) = shown.links
    assert link.url == url
    assert f"{message().title}  {host}" in shown.text


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "javascript:alert(1)",
        "javascript://wire.example/%0aalert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "ftp://wire.example/1",
        "//wire.example/1",
        "https://",
        "https://[broken/",
        "https://wire.example/" + "x" * 3_000,
        f"https://{'x' * 300}.example/",
    ],
)
def test_what_is_no_web_address_is_no_link(url: str | None) -> None:
    shown = rendered(as_stored(message(url=url)))
    assert shown.links == ()
    assert message().title in shown.text


@pytest.mark.parametrize(
    ("mention", "kind", "target"),
    [
        ("here", "broadcast", "here"),
        ("channel", "broadcast", "channel"),
        ("U012ABC", "user", "U012ABC"),
        ("S012ABC", "usergroup", "S012ABC"),
    ],
)
def test_the_topics_own_mention_is_the_only_one(mention: str, kind: str, target: str) -> None:
    shown = rendered(as_stored(message(mention=mention, title="<!everyone> @here")))
    assert [(found.kind, found.target) for found in shown.mentions] == [(kind, target)]


def test_a_message_tells_what_why_and_whence() -> None:
    told = message(author="R. Eporter", also_in=("Other", "Third"), score=83.4, cut=50.0)
    text = rendered(as_stored(told)).text
    for part in (
        "Patrols · score 83 (cut 50) · Desk",
        told.title,
        told.summary,
        "Why: close to “Soldiers on patrol find a hidden camp”",
        "Wire · by R. Eporter · published 20 Nov 2026 11:00 UTC · seen 20 Nov 2026 12:00 UTC",
        "also in Other, Third",
    ):
        assert part in text
    assert slack_text(told) == "Patrols: Report number 1 of the patrol"


def test_what_is_not_known_is_not_made_up() -> None:
    bare = message(title="", summary="", url=None, published=None)
    text = rendered(as_stored(bare)).text
    assert "(no title)" in text
    assert "undated" in text
    assert "by" not in text.split()
    assert len(slack_blocks(bare)) == len(slack_blocks(message())) - 1
    assert slack_text(bare) == "Patrols: (no title)"


def test_long_texts_are_cut_with_a_mark() -> None:
    text = rendered(as_stored(message(title="t" * 301, summary="s" * 601))).text
    assert "t" * (MAX_TITLE - 1) + "…" in text
    assert "s" * 599 + "…" in text
    assert "t" * MAX_TITLE in rendered(as_stored(message(title="t" * MAX_TITLE))).text


def test_plain_lines_tell_the_same() -> None:
    told = message(author="R. Eporter")
    lines = plain_lines(told)
    assert lines[:4] == ["Patrols · score 80 (cut 50) · Desk", told.title, told.url, told.summary]
    assert "R. Eporter" in lines[-1]
    assert len(plain_lines(message(url=None, summary=""))) == len(lines) - 2
