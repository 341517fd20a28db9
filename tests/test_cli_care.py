"""The commands that look after an installation, and the outbox by hand."""

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from builders import NOW, TOKEN, delivery, keyed, new_delivery, opened, stored_deliveries, stored_items
from earlier import of_version
from test_cli import REPOSITORY, monitor

from monitor.clock import utc_now
from monitor.demo.slack import SlackStandIn
from monitor.doctor import check_lines, examine
from monitor.records import Check, Receipt

TOKENS = {"SLACK_BOT_TOKEN": TOKEN, "SLACK_APP_TOKEN": "xapp-1-canary"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration with one topic and one feed; its database is not made yet."""
    (tmp_path / "watchlists").mkdir()
    (tmp_path / "feeds.yaml").write_text("feeds:\n  - {url: https://wire.example/rss, name: Wire}\n")
    (tmp_path / "monitor.yaml").write_text(f"storage:\n  url: sqlite:///{tmp_path}/monitor.db\n")
    (tmp_path / "watchlists" / "desk.yaml").write_text(
        "watchlist: Desk\ntopics:\n  - {id: a, name: A, about: [Camp found], channel: '#isis-watch'}\n"
    )
    return tmp_path


def care(folder: Path, *arguments: str, **environ: str) -> tuple[int, str, str]:
    done = monitor(*arguments, "--config", str(folder), cwd=REPOSITORY, **environ)
    return done.returncode, done.stdout, " ".join(done.stderr.replace("│", "").split())


# --- backup and migrate ----------------------------------------------------------------------------


@pytest.mark.slow
def test_a_backup_is_made_beside_the_service_and_replaces_nothing_unasked(folder: Path) -> None:
    copy = folder / "copy.db"
    with opened(folder / "monitor.db") as storage:
        stored_items(storage, keyed(1))
        code, told, _ = care(folder, "backup", str(copy))
        assert code == 0
        assert told.startswith(f"{copy}: 0.")
        assert told.endswith(" s, checked\n")
        code, told, error = care(folder, "backup", str(copy))
        assert (code, told) == (1, "")
        assert error == f"monitor: {copy}: there is such a file already; --force replaces it"
        told = care(folder, "backup", str(copy), "--force", "--json")[1]
        assert json.loads(told)["bytes"] == copy.stat().st_size
        code, _, error = care(folder, "backup", str(folder / "monitor.db"), "--force")
        assert code == 1
        assert "this is the database itself" in error
    with opened(copy) as restored:
        assert [item.key for item in restored.scores.unscored(9)] == ["key-1"]


@pytest.mark.slow
def test_migrate_tells_what_is_to_be_done_and_does_it(folder: Path) -> None:
    code, _, error = care(folder, "migrate", "--check")
    assert code == 1
    assert "there is no database yet" in error
    of_version(folder / "monitor.db", "0008")
    code, told, error = care(folder, "migrate", "--check")
    assert (code, told) == (1, "")
    assert error.startswith("monitor: the schema is 0008, and this version's is 00")
    assert not list(folder.glob("*.before-*"))

    code, told, error = care(folder, "migrate")
    assert code == 0
    assert told.endswith("; it was 0008\n")
    (kept,) = folder.glob("monitor.db.before-*")
    assert str(kept) in error, "the log says where the copy is"
    assert care(folder, "migrate")[1].startswith("the schema is up to date: ")
    assert care(folder, "migrate", "--check")[0] == 0


@pytest.mark.slow
def test_a_second_service_is_told_who_has_the_database(folder: Path) -> None:
    with opened(folder / "monitor.db"):
        for verb in (("run",), ("once",)):
            code, _, error = care(folder, *verb)
            assert code == 1
            assert "another monitor (process " in error


# --- deliveries ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_deliveries_are_listed_and_tried_again_beside_the_service(folder: Path) -> None:
    with opened(folder / "monitor.db") as storage:
        assert care(folder, "deliveries", "list")[1] == "everything has been delivered\n"
        there = [new_delivery(n, "#isis-watch" if n == 3 else "#news-alerts") for n in (1, 2, 3, 4)]
        stored_deliveries(storage, *there)
        storage.deliveries.record_receipt("d1", Receipt(channel="C1", ts="1.5"), NOW)
        for name, reason in (("d2", "invalid_blocks"), ("d3", "msg_too_long")):
            storage.deliveries.record_attempt(delivery(id=name, attempt=0), NOW)
            storage.deliveries.record_state(name, "failed", reason)

        listed = care(folder, "deliveries", "list")[1]
        assert listed.splitlines()[:3] == [
            "failed    #news-alerts  d2  (post, made 2026-11-20 12:00 UTC, attempts: 1)",
            "          Patrols: Report number 2 of the patrol",
            "          invalid_blocks",
        ]
        assert len(listed.splitlines()) == 8

        def ids(*arguments: str) -> list[str]:
            return [
                row["id"] for row in json.loads(care(folder, "deliveries", "list", "--json", *arguments)[1])
            ]

        assert ids() == ["d2", "d3", "d4"]
        assert ids("--state", "failed") == ["d2", "d3"]
        assert ids("--channel", "isis-watch") == ids("--channel", "#isis-watch") == ["d3"]
        assert ids("--state", "in_doubt") == []

        assert care(folder, "deliveries", "retry", "d2")[:2] == (0, "deliveries that are tried again: 1\n")
        code, told, error = care(folder, "deliveries", "retry", "d4")
        assert (code, told) == (1, "")
        assert "there is no delivery d4 that was refused" in error
        for wrong in ((), ("d3", "--all-failed")):
            assert care(folder, "deliveries", "retry", *wrong)[0] == 2
        assert (
            care(folder, "deliveries", "retry", "--all-failed")[1] == "deliveries that are tried again: 1\n"
        )
        assert ids("--state", "pending") == ["d2", "d3", "d4"]


# --- doctor ----------------------------------------------------------------------------------------


@pytest.fixture
async def slack(folder: Path) -> AsyncIterator[SlackStandIn]:
    """A Slack that the configuration leads to."""
    channels = ("news-alerts", "isis-watch")
    async with SlackStandIn(channels, token=TOKEN, app_token=TOKENS["SLACK_APP_TOKEN"]) as running:
        with (folder / "monitor.yaml").open("a") as settings:
            settings.write(f"slack:\n  api_url: {running.api_url}\n")
        yield running


async def found(folder: Path, environ: Mapping[str, str], *, live: bool = False) -> dict[str, Check]:
    return {check.subject: check async for check in examine(folder, environ, utc_now, live=live)}


async def test_an_installation_in_order_has_nothing_but_ok(folder: Path, slack: SlackStandIn) -> None:
    with opened(folder / "monitor.db"):
        checks = await found(folder, TOKENS, live=True)
    assert {subject for subject, check in checks.items() if check.state != "ok"} <= {"disk"}
    assert [*checks] == [
        *(
            "configuration",
            "SLACK_BOT_TOKEN",
            "SLACK_APP_TOKEN",
            "model",
            "SQLite",
            "disk",
            "schema",
            "database",
        ),
        *("Slack token", "Slack scopes", "clock", "#isis-watch", "#news-alerts", "Slack app token"),
    ]
    assert TOKEN not in str(checks)


async def test_nothing_leaves_the_machine_unasked(folder: Path, slack: SlackStandIn) -> None:
    checks = await found(folder, TOKENS)
    assert slack.requests.total() == 0
    assert checks["database"].state == "warning"
    assert not (folder / "monitor.db").exists()


async def test_without_a_token_slack_is_not_asked(folder: Path, slack: SlackStandIn) -> None:
    checks = await found(folder, {}, live=True)
    assert slack.requests.total() == 0
    assert (checks["SLACK_BOT_TOKEN"].state, checks["SLACK_APP_TOKEN"].state) == ("warning", "ok")


async def test_secrets_that_are_missing_or_of_no_use_are_named(folder: Path) -> None:
    desk = folder / "watchlists" / "desk.yaml"
    desk.write_text(desk.read_text().replace("#isis-watch", "webhook://ops"))
    secret = {"WEBHOOK_OPS_URL": "https://ops.example/", "WEBHOOK_OPS_SECRET": "s" * 20}
    assert (await found(folder, secret))["webhook://ops"].state == "ok"
    broken = {"SLACK_BOT_TOKEN_FILE": str(folder / "none"), "FETCH_PROXY": "proxy"}
    checks = await found(folder, broken, live=True)
    for subject, told in (
        ("webhook://ops", "WEBHOOK_OPS_URL: not set"),
        ("SLACK_BOT_TOKEN", "no such file"),
        ("FETCH_PROXY", "not a proxy"),
    ):
        assert checks[subject].state == "failed"
        assert told in checks[subject].text


async def test_a_model_that_is_not_there_is_not_fetched(folder: Path) -> None:
    with (folder / "monitor.yaml").open("a") as settings:
        settings.write("encoder:\n  model: nobody/has-this-one\n")
    model = (await found(folder, {}))["model"]
    assert model.state == "failed"
    assert "neither a folder, nor on this machine: " in model.text


async def test_a_wrong_configuration_is_all_that_is_told(folder: Path) -> None:
    (folder / "feeds.yaml").write_text("feeds:\n  - {url: ftp://wire.example/rss, name: Wire}\n")
    checks = await found(folder, {})
    assert [*checks] == ["configuration"]
    assert "feeds.yaml:2:11: " in checks["configuration"].text


def test_a_remedy_stands_below_its_finding() -> None:
    check = Check(subject="disk", state="failed", text="1 MiB free", remedy="make room")
    assert check_lines(check) == ["FAILED  disk: 1 MiB free", "        → make room"]


@pytest.mark.slow
def test_the_doctor_says_by_its_exit_code_whether_something_has_failed(folder: Path) -> None:
    code, told, _ = care(folder, "doctor", "--json", SLACK_BOT_TOKEN=TOKEN)
    rows: list[dict[str, Any]] = json.loads(told)
    assert code == 0
    assert {row["state"] for row in rows} <= {"ok", "warning"}
    (folder / "monitor.db").write_bytes(b"not a database, " * 100)
    code, told, error = care(folder, "doctor")
    assert (code, error) == (1, "")
    assert "FAILED  schema: " in told
