from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest
from builders import HOUR, NOW, message
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.demo.slack_limits import check_content
from monitor.demo.slack_render import rendered
from monitor.demo.slack_state import BOT, StoredMessage
from monitor.demo.slack_state import Content as Posted
from monitor.notify.blocks import (
    escaped,
    plain_lines,
    slack_blocks,
    slack_buttons,
    slack_lines,
    slack_text,
)
from monitor.notify.wording import MAX_TITLE
from monitor.records import (
    STORIES_PER_PAGE,
    Content,
    Digest,
    Entry,
    Listing,
    Message,
    Notice,
    NoticeEntry,
    Reminder,
    TopicCount,
    Update,
)

ANYTHING = st.text(st.characters()) | st.text("<>&|!@#:*_~`-./\n\u202e here channel").map(
    lambda text: text * 3
)
HUGE = st.sampled_from(["x" * 10_000, "&" * 10_000, "<!here>" * 5_000, "🛰" * 10_000])
HOSTILE = ANYTHING | HUGE
LOUD = ("escalated", "development", "more_sources", "higher_score")
ADDRESSES = (
    st.none()
    | HOSTILE
    | HOSTILE.map("https://wire.example/{}".format)
    | HOSTILE.map("https://{}".format)
    | HOSTILE.map("HTTP://{}".format)
    | st.integers(0, 2_990).map(lambda length: "https://a/" + "x" * length)
)
ENTRIES = st.builds(
    Entry,
    topic_name=HOSTILE,
    title=HOSTILE,
    url=ADDRESSES,
    source=HOSTILE,
    published=st.none() | st.just(NOW),
    first_seen=st.just(NOW),
    score=st.floats(0, 100),
    sources=st.integers(1, 10**9),
)
MESSAGES = st.builds(
    message,
    topic_name=HOSTILE.map(lambda text: text or "Topic"),
    watchlist=HOSTILE,
    title=HOSTILE,
    url=ADDRESSES,
    source=HOSTILE,
    summary=HOSTILE,
    sentence=HOSTILE,
    author=st.none() | HOSTILE,
    published=st.none() | st.just(NOW),
    sources=st.lists(HOSTILE, max_size=30).map(tuple),
    items=st.integers(1, 10**9),
    latest=st.none() | ENTRIES,
    acknowledged_by=st.none() | HOSTILE,
    level=st.sampled_from(["routine", "urgent"]),
    score=st.floats(0, 100),
)
MANY = st.lists(ENTRIES, max_size=25).map(tuple)
OTHERS: st.SearchStrategy[Content] = st.one_of(
    st.builds(
        Update,
        topic_name=HOSTILE,
        title=HOSTILE,
        reason=st.sampled_from([*LOUD, "follow_up", "some other"]),
        entries=MANY,
        sources=st.integers(0, 10**9),
        score=st.floats(0, 100),
    ),
    st.builds(
        Listing,
        why=st.sampled_from(["burst", "late", "held"]),
        stories=MANY,
        total=st.integers(0, 10**9),
        since=st.just(NOW),
        until=st.datetimes(timezones=st.just(UTC)),
        page=st.integers(0, 100),
        counts=st.lists(st.tuples(HOSTILE, st.integers(0, 10**9)), max_size=30).map(tuple),
    ),
    st.builds(
        Digest,
        period=st.sampled_from(["daily", "weekly"]),
        since=st.just(NOW),
        until=st.just(NOW + 24 * HOUR),
        time_zone=HOSTILE,
        topics=st.lists(
            st.builds(
                TopicCount,
                topic_name=HOSTILE,
                stories=st.integers(0, 10**9),
                items=st.integers(0, 10**9),
                per_day=st.lists(st.integers(0, 10**9), max_size=400).map(tuple),
            ),
            max_size=40,
        ).map(tuple),
        top=MANY,
        near_misses=MANY,
    ),
    st.builds(Reminder, topic_name=HOSTILE, title=HOSTILE, told_at=st.just(NOW), count=st.integers(1, 10**9)),
)


NOTICES = st.lists(
    st.builds(
        NoticeEntry,
        subject=HOSTILE.map(lambda text: text or "Feed"),
        url=ADDRESSES,
        over=st.booleans(),
        text=HOSTILE.map(lambda text: text or "It fails."),
        remedy=st.none() | HOSTILE,
        since=st.just(NOW),
    ),
    min_size=1,
    max_size=10,
).map(lambda entries: Notice(entries=tuple(entries)))


def as_stored(told: Content) -> StoredMessage:
    blocks: tuple[dict[str, Any], ...] = (*slack_blocks(told), *slack_buttons(told, "d" * 64))
    content = Posted(text=slack_text(told), blocks=blocks, mrkdwn=False, parse="none", unfurl_links=False)
    return StoredMessage(ts="1.0", content=content, author=BOT)


def _with_small_scheme(url: str) -> str:
    scheme, colon, rest = url.partition(":")
    return scheme.lower() + colon + rest


@given(MESSAGES)
@example(message(url="HTTP://00"))
@example(message(url="https://\r0"))
@example(message(url="https://0\t0/"))
@example(message(sources=("",), items=2))
def test_whatever_a_feed_writes_slack_takes_it_and_sees_no_control_sequence(told: Message) -> None:
    stored = as_stored(told)
    check_content(stored.content, update=True)
    assert "<" not in stored.text
    shown = rendered(stored)
    assert shown.mentions == ()
    addresses = (told.url, told.latest and told.latest.url)
    assert {link.url for link in shown.links} <= {_with_small_scheme(url) for url in addresses if url}
    assert shown.emoji == ()


@given(OTHERS)
def test_whatever_follows_slack_takes_it_and_sees_no_control_sequence(told: Content) -> None:
    stored = as_stored(told)
    check_content(stored.content, update=True)
    assert "<" not in stored.text
    shown = rendered(stored)
    assert shown.mentions == ()
    assert shown.emoji == ()
    assert len(slack_lines(told)) <= 3_500
    assert all(isinstance(line, str) for line in plain_lines(told))


@given(NOTICES)
def test_whatever_a_server_says_a_notice_is_taken_and_holds_no_control_sequence(told: Notice) -> None:
    stored = as_stored(told)
    check_content(stored.content)
    assert "<" not in stored.text
    shown = rendered(stored)
    assert shown.mentions == ()
    assert {link.url for link in shown.links} <= {
        _with_small_scheme(entry.url or "") for entry in told.entries
    }


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


def text_of(told: Content) -> str:
    return rendered(as_stored(told)).text


def entry(**changes: Any) -> Entry:
    plain = Entry(
        topic_name="Patrols",
        title="A second camp is found",
        url="https://daily.example/2",
        source="Daily",
        published=NOW - HOUR,
        first_seen=NOW + HOUR,
        score=71.0,
    )
    return replace(plain, **changes)


def update(**changes: Any) -> Update:
    plain = Update(
        topic_name="Patrols", title="Report", reason="follow_up", entries=(entry(),), sources=6, score=93.4
    )
    return replace(plain, **changes)


def listing(count: int, **changes: Any) -> Listing:
    stories = tuple(entry(title=f"Story {n}", topic_name=f"Topic {n % 2}") for n in range(count))
    plain = Listing(why="burst", stories=stories, total=count, since=NOW, until=NOW + HOUR)
    return replace(plain, **changes)


def digest(**changes: Any) -> Digest:
    topics = (
        TopicCount(topic_name="Patrols", stories=9, items=40, per_day=(0, 1, 2, 3, 3)),
        TopicCount(topic_name="Floods", stories=0, items=0, per_day=(0,) * 5),
    )
    plain = Digest(
        period="weekly",
        since=NOW,
        until=NOW + 5 * 24 * HOUR,
        time_zone="Europe/Berlin",
        topics=topics,
        top=(entry(sources=4),),
        near_misses=(entry(title="A camp for children", score=46.0),),
    )
    return replace(plain, **changes)


def test_a_message_tells_what_why_and_whence() -> None:
    told = message(author="R. Eporter", score=83.4, cut=50.0)
    assert text_of(told).split("\n")[:6] == [
        "Patrols · Desk",
        f"{told.title}  wire.example",
        told.summary,
        "●●●●○  Score 83",
        "Why: close to “Soldiers on patrol find a hidden camp” (cut 50)",
        "Wire · by R. Eporter · published 20 Nov 2026 11:00 UTC · first seen 20 Nov 2026 12:00 UTC",
    ]
    assert slack_text(told) == "Patrols: Report number 1 of the patrol"


def test_a_story_that_has_grown_says_how_far() -> None:
    told = message(sources=tuple("abcdefg"), items=12, latest=entry())
    text = text_of(told)
    for part in (
        "Score 80  ·  7 independent sources  ·  12 items\na, b, c, d, e and 2 more",
        "Latest: A second camp is found  daily.example",
        "first seen 20 Nov 2026 12:00 UTC · latest 13:00 UTC",
    ):
        assert part in text
    assert "latest 21 Nov 2026" in text_of(message(latest=entry(first_seen=NOW + 24 * HOUR)))
    assert "independent" not in text_of(message(sources=("Wire",)))
    assert "1 independent source  ·  2 items" in text_of(message(sources=("Wire",), items=2))


def test_an_urgent_story_says_so_until_somebody_acknowledges_it() -> None:
    urgent = message(level="urgent", mention="here")
    assert "URGENT @here Report" in text_of(urgent)
    assert slack_text(urgent) == "Urgent: Patrols: Report number 1 of the patrol"
    assert plain_lines(urgent)[0] == "Urgent · Patrols · score 80 (cut 50) · Desk"
    taken = replace(urgent, acknowledged_by="Ana")
    assert "URGENT" not in text_of(taken)
    assert text_of(taken).startswith("✓ Acknowledged by Ana · Patrols · Desk\nReport number 1")
    assert slack_text(taken) == "Patrols: Report number 1 of the patrol"
    assert plain_lines(taken)[0].startswith("✓ Acknowledged by Ana · Patrols")


@pytest.mark.parametrize(
    ("told", "actions"),
    [
        (message(), ["monitor_vote_up", "monitor_vote_down"]),
        (message(level="urgent"), ["monitor_ack", "monitor_vote_up", "monitor_vote_down"]),
        (message(level="urgent", acknowledged_by="Ana"), ["monitor_vote_up", "monitor_vote_down"]),
        (update(), []),
        (listing(3), []),
    ],
)
def test_buttons(told: Content, actions: list[str]) -> None:
    buttons = [button for block in slack_buttons(told, "d1") for button in block["elements"]]
    assert [button["action_id"] for button in buttons] == actions
    assert {button["value"] for button in buttons} <= {"d1"}


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("more_sources", "Now 6 independent sources"),
        ("higher_score", "Surer now: score 93"),
        ("development", "New development"),
        ("escalated", "Now urgent"),
    ],
)
def test_what_is_shown_in_the_channel_makes_sense_by_itself(reason: str, said: str) -> None:
    told = update(reason=reason)
    assert text_of(told).split("\n") == [
        "Patrols",
        f"{said}: Report",
        "A second camp is found  daily.example",
        "Daily · published 20 Nov 2026 11:00 UTC · score 71",
    ]
    assert slack_text(told) == f"Patrols: {said}: Report"
    assert plain_lines(told)[0] == f"Patrols: {said}: Report"


def test_a_thread_does_not_repeat_its_story() -> None:
    assert text_of(update()).split("\n")[0] == "A second camp is found  daily.example"
    several = update(entries=(entry(), entry(title="A third", url=None)))
    assert text_of(several).split("\n") == [
        "2 more reports",
        "A second camp is found  daily.example · score 71",
        "A third  Daily · score 71",
    ]
    assert slack_text(several) == "Patrols: 2 more reports: Report"
    assert slack_text(update()) == "Patrols: 1 more report: A second camp is found"
    assert "and 4 more" in text_of(update(entries=(entry(),) * 24))


def test_only_who_is_called_is_mentioned() -> None:
    shown = rendered(as_stored(update(reason="escalated", mention="U012ABC", title="<!here> @here")))
    assert [found.target for found in shown.mentions] == ["U012ABC"]


def test_a_list_says_why_and_how_many_of_what() -> None:
    text = text_of(listing(3)).split("\n")
    assert text == [
        "3 stories at once",
        "20 Nov 2026 12:00 – 13:00 UTC. Too many for a message each.",
        "Topic 0 2 · Topic 1 1",
        "Topic 0",
        "Story 0  daily.example · score 71",
        "Story 2  daily.example · score 71",
        "Topic 1",
        "Story 1  daily.example · score 71",
    ]
    assert slack_text(listing(1, why="late")) == "1 story, late"
    assert slack_text(listing(3, why="held")) == "3 stories from quiet hours"


def test_a_long_list_goes_on_in_its_thread() -> None:
    first = listing(STORIES_PER_PAGE, total=47, counts=(("A", 20), ("B", 27)))
    assert "The others are in the thread." in text_of(first)
    assert "\nB 27 · A 20\n" in text_of(first)
    assert "·" not in text_of(replace(first, counts=())).split("\n")[2], "what is not known is not counted"
    later = listing(7, total=47, page=2)
    assert text_of(later).startswith("Stories 41–47\nTopic 0\n")
    assert slack_text(later) == "47 stories at once: stories 41–47"


def test_addresses_that_do_not_fit_leave_their_hosts() -> None:
    long = tuple(entry(title=f"Story {n}", url=f"https://wire{n}.example/{'x' * 100 * n}") for n in range(20))
    shown = rendered(as_stored(listing(1, stories=long)))
    assert all(f"Story {n}  wire{n}.example" in shown.text for n in range(20))
    linked = [link.label for link in shown.links]
    assert linked == [f"Story {n}" for n in range(len(linked))]
    assert 5 <= len(linked) < 20


def test_what_is_as_long_as_can_be_still_fits() -> None:
    long, addresses = "x" * 10_000, [f"https://a{n}.example/{'x' * 230}" for n in range(25)]
    entries = tuple(
        entry(topic_name=f"{n}{long}", title=long, url=url, source=long, sources=10**9)
        for n, url in enumerate(addresses)
    )
    topics = tuple(
        TopicCount(topic_name=f"{n}{long}", stories=10**9, items=10**9, per_day=(10**9,) * 400)
        for n in range(40)
    )
    names = tuple((topic.topic_name, 10**9) for topic in topics)
    whole = message(
        **dict.fromkeys(
            ("topic_name", "watchlist", "title", "source", "summary", "sentence", "author"), long
        ),
        url="https://a.example/" + "x" * 2_950,
        latest=entry(title=long, source=long, url="https://a.example/" + "y" * 2_950),
        sources=(long,) * 30,
        items=10**9,
        acknowledged_by=long,
    )
    notice = NoticeEntry(
        subject=long, url="https://a.example/" + "x" * 470, over=False, text=long, remedy=long, since=NOW
    )
    for told in (
        whole,
        update(reason="development", topic_name=long, title=long, entries=entries, sources=10**9),
        listing(1, stories=entries, total=10**9, counts=names),
        digest(topics=topics, top=entries, near_misses=entries, time_zone=long),
        Reminder(topic_name=long, title=long, told_at=NOW, count=10**9),
        Notice(entries=(notice,) * 10),
    ):
        check_content(as_stored(told).content, update=True)


def test_a_digest_counts_and_lists() -> None:
    text = text_of(digest()).split("\n")
    assert text == [
        "Weekly digest, 25 Nov 2026",
        "9 stories from 40 items · 20 Nov 2026 12:00 – 25 Nov 2026 12:00 Europe/Berlin",
        "Patrols  9 stories from 40 items  ▁▄▆██",
        "Floods  no stories  ▁▁▁▁▁",
        "Top stories",
        "A second camp is found  daily.example · 4 sources · score 71",
        "Just below the cut",
        "A camp for children  daily.example · score 46",
    ]
    assert slack_text(digest()) == "Weekly digest, 25 Nov 2026: 9 stories from 40 items"
    quiet = digest(period="daily", topics=(), top=(), near_misses=())
    assert slack_text(quiet) == "Daily digest, 25 Nov 2026: no stories"
    assert len(text_of(quiet).split("\n")) == 2


def test_a_digest_has_room_for_a_picture() -> None:
    with_chart = slack_blocks(digest(), chart="F012ABC")
    (picture,) = [block for block in with_chart if block["type"] == "image"]
    assert picture["slack_file"] == {"id": "F012ABC"}
    assert [block for block in with_chart if block["type"] != "image"] == slack_blocks(digest())


def test_a_reminder_names_the_story_and_who_is_asked() -> None:
    reminder = Reminder(topic_name="Patrols", title="Report", told_at=NOW, count=2, mention="here")
    assert text_of(reminder).split("\n") == [
        "@here Not acknowledged yet: Report",
        "Patrols · told 20 Nov 2026 12:00 UTC · reminder 2",
    ]
    assert slack_text(reminder) == "Patrols: not acknowledged yet: Report"
    assert "reminder" not in text_of(replace(reminder, count=1))


def test_lists_as_text_are_whole() -> None:
    lines = slack_lines(listing(STORIES_PER_PAGE))
    assert all(f"Story {n} " in lines for n in range(STORIES_PER_PAGE))
    assert "A camp for children" in slack_lines(digest())


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
