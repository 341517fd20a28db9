"""Labelled streams as people and programs write them."""

import lzma
from datetime import UTC, datetime
from pathlib import Path

import pytest
from streams import labels_of, mixed, write_labels, write_stream

from monitor.errors import MonitorError
from monitor.labelled import Label, read_items, read_labels


def test_a_stream_is_read_as_it_was_written(tmp_path: Path) -> None:
    stream = mixed(5)
    plain = write_stream(tmp_path / "items.jsonl", stream)
    packed = tmp_path / "items.jsonl.xz"
    packed.write_bytes(lzma.compress(plain.read_bytes()))
    assert list(read_items(plain)) == list(read_items(packed)) == stream


def test_dates_come_as_feeds_and_as_programs_write_them(tmp_path: Path) -> None:
    (tmp_path / "i.jsonl").write_text(
        '{"id": 1, "title": "A", "published": "Mon, 20 Apr 2020 21:37:00 +0100",'
        ' "first_seen": "2020-04-21T00:43:01Z"}\n'
        '\n{"id": 2, "title": "<A>  B", "published": "2020-04-21T08:00:00"}\n'
    )
    first, second = read_items(tmp_path / "i.jsonl")
    assert first.item.published == datetime(2020, 4, 20, 20, 37, tzinfo=UTC)
    assert first.first_seen == datetime(2020, 4, 21, 0, 43, 1, tzinfo=UTC)
    assert (second.id, second.feed, second.first_seen.hour) == ("2", "stream", 8)


@pytest.mark.parametrize(
    "line", ["[]", "{", '{"title": "no id"}', '{"id": "x"}', '{"id": "x", "first_seen": "?"}']
)
def test_what_is_no_item_is_named_by_its_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "i.jsonl").write_text('{"id": "a", "first_seen": "2020-04-21"}\n' + line + "\n")
    with pytest.raises(MonitorError, match=r"i\.jsonl:2:1: this is no item"):
        list(read_items(tmp_path / "i.jsonl"))


def test_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "broken.jsonl.xz").write_bytes(b"nothing compressed")
    for name in ("broken.jsonl.xz", "absent.jsonl"):
        with pytest.raises(MonitorError, match="cannot be read"):
            list(read_items(tmp_path / name))
    with pytest.raises(MonitorError, match="cannot be read"):
        read_labels(tmp_path / "absent.tsv")


def test_labels_are_read_as_they_were_written(tmp_path: Path) -> None:
    labels = labels_of(mixed(30))
    assert read_labels(write_labels(tmp_path / "l.tsv", labels)) == labels


def test_labels_may_have_a_header_and_lack_a_story(tmp_path: Path) -> None:
    (tmp_path / "l.tsv").write_text("topic_id\titem_id\tgrade\tstory\na\ti1\t2\n\na\ti2\t0\t\n")
    assert read_labels(tmp_path / "l.tsv")["a"] == {
        "i1": Label(grade=2, story=""),
        "i2": Label(grade=0, story=""),
    }


@pytest.mark.parametrize("line", ["a\ti1", "a\ti1\tyes\t", "a\ti1\t3\t"])
def test_what_is_no_label_is_named_by_its_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "l.tsv").write_text(f"a\ti0\t2\ts\n{line}\n")
    with pytest.raises(MonitorError, match=r"l\.tsv:2:1: "):
        read_labels(tmp_path / "l.tsv")
