"""Routes and what channels ask for: what they become, and every mistake at its exact place."""

from datetime import time, timedelta
from pathlib import Path

import pytest

from monitor.records import ChannelPlan, DigestPlan, QuietHours, Route
from monitor.routesfile import Known, Routes, read_routes

KNOWN = Known(
    topics=frozenset({"floods", "isis-sleeper-cells"}),
    watchlists=frozenset({"Desk"}),
    tags=frozenset({"middle-east", "english"}),
    channels=frozenset({"#desk"}),
)


def read(folder: Path, text: str, known: Known = KNOWN) -> tuple[Routes, list[str]]:
    path = folder / "routes.yaml"
    path.write_text(text, encoding="utf-8")
    routes = read_routes(path, known)
    return routes, [str(problem).removeprefix(f"{path}:") for problem in routes.problems]


def test_a_route_may_say_little(tmp_path: Path) -> None:
    routes, problems = read(tmp_path, 'routes:\n  - {name: All, to: ["#all"]}\n')
    assert (routes.routes, problems) == ((Route(name="All", channels=("#all",)),), [])
    assert routes.channels == {}


def test_every_key_is_read(tmp_path: Path) -> None:
    routes, problems = read(
        tmp_path,
        "routes:\n"
        "  - name: Duty officer\n    topics: [floods]\n    watchlists: [Desk]\n    tags: [english]\n"
        '    score: 50-80\n    sources: 3\n    to: ["#duty", C0123456789]\n    level: urgent\n'
        "    mention: here\n    wait_before_first: 0s\n    update_every: 10m\n    remind_after: 30m\n"
        "    instead: true\n"
        'channels:\n  "#duty":\n    time_zone: Europe/London\n    quiet_hours: 22:00-07:00\n'
        "    quiet_days: [mon, sun]\n    urgent_passes: false\n    digests: [daily 08:00, weekly fri 7:30]\n",
    )
    assert problems == []
    assert routes.routes == (
        Route(
            name="Duty officer",
            channels=("#duty", "C0123456789"),
            topics=frozenset({"floods"}),
            watchlists=frozenset({"Desk"}),
            tags=frozenset({"english"}),
            least_score=50.0,
            most_score=80.0,
            least_sources=3,
            level="urgent",
            mention="here",
            instead=True,
            wait_before_first=timedelta(0),
            update_every=timedelta(minutes=10),
            remind_after=timedelta(minutes=30),
        ),
    )
    quiet = QuietHours(
        begin=time(22),
        end=time(7),
        time_zone="Europe/London",
        days=frozenset({0, 6}),
        urgent_passes=False,
    )
    daily = DigestPlan(period="daily", at=time(8), time_zone="Europe/London")
    weekly = DigestPlan(period="weekly", at=time(7, 30), time_zone="Europe/London", weekday=4)
    assert routes.channels == {
        "#duty": ChannelPlan(channel="#duty", quiet_hours=quiet, digests=(daily, weekly))
    }


@pytest.mark.parametrize(
    ("written", "band"),
    [
        ("80", (80.0, 100.0)),
        ("62.5", (62.5, 100.0)),
        ("100", (100.0, 100.0)),
        ("0", (0.0, 100.0)),
        ("50 - 80", (50.0, 80.0)),
        ("50–80.5", (50.0, 80.5)),
    ],
)
def test_a_score_is_a_floor_or_a_band(tmp_path: Path, written: str, band: tuple[float, float]) -> None:
    routes, problems = read(tmp_path, f'routes: [{{name: A, to: ["#a"], score: {written}}}]\n')
    assert problems == []
    assert (routes.routes[0].least_score, routes.routes[0].most_score) == band


@pytest.mark.parametrize(
    ("line_3", "expected"),
    [
        ("topic: [floods]", "3:5: unknown key 'topic'; did you mean 'topics'?"),
        ("topics: [flods]", "3:14: there is no topic 'flods'; did you mean 'floods'?"),
        ("topics: floods", "3:13: a list is needed here"),
        ("topics: []", "3:13: this list is empty; it needs at least one entry"),
        ("watchlists: [desk]", "3:18: there is no watchlist 'desk'; did you mean 'Desk'?"),
        ("tags: [english, asia]", "3:21: no feed has the tag 'asia'; known here: 'english', 'middle-east'"),
        ("score: high", "3:12: 'high' is neither a score nor a band of scores; write from which"),
        ("score: 101", "3:12: 101 is neither a score"),
        ("score: 80-50", "3:12: '80-50' is neither a score"),
        ("score: -5", "3:12: -5 is neither a score"),
        ("score: {from: 50}", "3:12: {'from': 50} is neither a score"),
        ("sources: 0", "3:14: 0 is not a number of sources; write 1 or more"),
        ("sources: many", "3:14: 'many' is not a number of sources"),
        ("level: ugrent", "3:12: 'ugrent' is no level; write routine or urgent"),
        ("mention: here", "3:14: only a route with 'level: urgent' may mention anybody"),
        ("remind_after: 5m", "3:19: only a route with 'level: urgent' reminds anybody"),
        ("mention: everyone", "3:14: 'everyone' cannot be mentioned"),
        ("wait_before_first: -1s", "3:24: '-1s' is not a duration"),
        ("update_every: 0s", "3:19: '0s' is too short; 1s is the shortest"),
        ("instead: maybe", "3:14: true or false is needed here"),
        ("token: canary", "3:5: a secret is no setting"),
    ],
)
def test_mistakes_in_a_route(tmp_path: Path, line_3: str, expected: str) -> None:
    _, (problem,) = read(tmp_path, f'routes:\n  - name: A\n    {line_3}\n    to: ["#a"]\n')
    assert problem.startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("route: []\n", "1:1: unknown key 'route'; did you mean 'routes'?"),
        ("routes:\n", "1:7: a list is needed here"),
        ("routes: [x]\n", "1:10: a mapping is needed here"),
        ("channels: [x]\n", "1:11: a mapping is needed here"),
        ('routes: [{to: ["#a"]}]\n', "1:10: the key 'name' is missing here"),
        ("routes: [{name: A}]\n", "1:10: the key 'to' is missing here"),
        ("routes: [{name: A, to: []}]\n", "1:24: this list is empty"),
        ('routes: [{name: A, to: "#a"}]\n', "1:24: a list is needed here"),
        ("routes: [{name: A, to: [duty]}]\n", "1:25: 'duty' is not a Slack channel"),
        ('routes: [{name: A, to: ["#a", "#a"]}]\n', "1:31: this channel is already on line 1"),
        (
            'routes:\n  - {name: A, to: ["#a"]}\n  - {name: A, to: ["#b"]}\n',
            "3:12: this route's name is already on line 2",
        ),
        ("# nothing\n", "1:1: there are only comments here"),
    ],
)
def test_mistakes_in_the_file(tmp_path: Path, text: str, expected: str) -> None:
    _, (problem,) = read(tmp_path, text)
    assert problem.startswith(expected)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("quiet_hours: 22:00-07:00", "2:11: the key 'time_zone' is missing here"),
        ("time_zone: Europe/Londn", "2:23: 'Europe/Londn' is not a time zone such as Europe/London; did you"),
        ("time_zone: new york", "2:23: 'new york' is not a time zone such as Europe/London; did you mean 'A"),
        ("time_zone: Europe", "2:23: 'Europe' is not a time zone"),
        ("time_zone: ../etc/passwd", "2:23: '../etc/passwd' is not a time zone"),
        ("time_zone: 1", "2:23: a text is needed here"),
        (
            "time_zone: UTC, quiet_hours: night",
            "2:41: 'night' are no hours; write from when to when, such as",
        ),
        ("time_zone: UTC, quiet_hours: 22:00", "2:41: '22:00' are no hours"),
        ("time_zone: UTC, quiet_hours: 25:00-07:00", "2:41: '25:00-07:00' are no hours"),
        ("time_zone: UTC, quiet_hours: 24:00-07:00", "2:41: '24:00-07:00' are no hours"),
        ("time_zone: UTC, quiet_hours: 07:00-7:00", "2:41: '07:00-7:00' are no hours at all; a whole day is"),
        ("time_zone: UTC, quiet_hours: 00:00-24:00", "2:41: this quiet never ends; name its days"),
        ("time_zone: UTC, quiet_days: [mon]", "2:28: 'quiet_days' says something only beside 'quiet_hours'"),
        ("time_zone: UTC, urgent_passes: true", "2:28: 'urgent_passes' says something only beside"),
        (
            "time_zone: UTC, quiet_hours: 1:00-2:00, quiet_days: [monday]",
            "2:65: 'monday' is not a day; write",
        ),
        ("time_zone: UTC, quiet_hours: 1:00-2:00, quiet_days: []", "2:64: this list is empty"),
        ("time_zone: UTC, digests: daily 08:00", "2:37: a list is needed here"),
        ("time_zone: UTC, digests: [weekly 08:00]", "2:38: 'weekly 08:00' is no time of a digest; write"),
        ("time_zone: UTC, digests: [weekly monday 08:00]", "2:38: 'weekly monday 08:00' is no time"),
        ("time_zone: UTC, digest: [daily 08:00]", "2:28: unknown key 'digest'; did you mean 'digests'?"),
    ],
)
def test_mistakes_in_a_channel(tmp_path: Path, keys: str, expected: str) -> None:
    _, (problem,) = read(tmp_path, f'channels:\n "#desk": {{{keys}}}\n')
    assert problem.startswith(expected)


def test_what_is_no_channel_is_told_at_its_key(tmp_path: Path) -> None:
    _, problems = read(tmp_path, 'routes: []\nchannels:\n  "#Desk": {time_zone: UTC}\n')
    assert [problem.split(";")[0] for problem in problems] == [
        "3:3: '#Desk' is not a Slack channel",
        "3:3: warning: no topic and no route sends anything to '#Desk'",
    ]


def test_a_channel_that_nothing_goes_to_is_a_warning(tmp_path: Path) -> None:
    text = 'routes: [{name: A, to: ["#a"]}]\nchannels:\n'
    text += "".join(f'  "#{name}": {{time_zone: UTC}}\n' for name in ("desk", "a", "nobody"))
    routes, problems = read(tmp_path, text)
    assert problems == ["5:3: warning: no topic and no route sends anything to '#nobody'"]
    assert list(routes.channels) == ["#desk", "#a", "#nobody"]


def test_a_whole_weekend_can_be_quiet(tmp_path: Path) -> None:
    text = 'channels: {"#desk": {time_zone: UTC, quiet_hours: 00:00-24:00, quiet_days: [sat, sun]}}\n'
    routes, problems = read(tmp_path, text)
    quiet = QuietHours(begin=time(0), end=time(0), time_zone="UTC", days=frozenset({5, 6}))
    assert (routes.channels["#desk"].quiet_hours, problems) == (quiet, [])


def test_a_bad_route_costs_only_itself(tmp_path: Path) -> None:
    routes, problems = read(tmp_path, 'routes: [{name: A, to: [x], sources: x}, {name: B, to: ["#b"]}]\n')
    assert [route.name for route in routes.routes] == ["B"]
    assert len(problems) == 2


def test_names_are_unchecked_where_nobody_knows_them_and_refused_where_there_are_none(tmp_path: Path) -> None:
    text = 'routes: [{name: A, to: ["#a"], topics: [x], watchlists: [y], tags: [z]}]\n'
    unread = Known(topics=None, watchlists=None, tags=None, channels=frozenset())
    assert read(tmp_path, text, unread)[1] == []
    untagged = Known(topics=None, watchlists=None, tags=frozenset(), channels=frozenset())
    assert read(tmp_path, text, untagged)[1] == ["1:69: no feed has the tag 'z'"]
