"""Databases of earlier versions."""

from pathlib import Path

import alembic.command

from monitor.storage.engine import _alembic, _sqlite_engine


def of_version(path: Path, version: str) -> None:
    """A database of an earlier version with a feed and an item."""
    engine = _sqlite_engine(path)
    config = _alembic()
    with engine.begin() as db:
        config.attributes["connection"] = db
        alembic.command.upgrade(config, version)
        db.exec_driver_sql(
            "INSERT INTO feeds (id, url, name, tags, every_seconds, alert_backlog_seconds, full_text, active,"
            " next_poll_at) VALUES (1, 'https://wire.example/rss', 'Wire', '[]', 1, 0, 0, 1, '2026-11-20')"
        )
        db.exec_driver_sql(
            "INSERT INTO items (id, feed_id, key, title, summary, first_seen, backlog)"
            " VALUES (1, 1, 'key-1', 'T', 'S', '2026-11-20 12:00:00', 0)"
        )
    engine.dispose()


def versions() -> list[str]:
    """All there have been, this one last."""
    folder = Path(__file__).parents[1] / "monitor" / "storage" / "migrations" / "versions"
    return sorted(file.name[:4] for file in folder.glob("0*.py"))
