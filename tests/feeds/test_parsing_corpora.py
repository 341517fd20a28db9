"""The captured bodies over HTTP, as the benchmark measures it: none may crash or hang, or lose an item."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2]
DATA = HERE.parent / "shared" / "data"


@pytest.mark.slow
@pytest.mark.skipif(
    not (DATA / "parsing").is_dir(), reason="needs the captured bodies in ../shared/data/parsing and replay"
)
def test_captured_bodies_give_at_least_the_items_that_feedparser_finds() -> None:
    # All of `parsing` and a tenth of `replay`; `python benchmarks/parsing_corpora.py` fetches everything.
    command = [sys.executable, "benchmarks/parsing_corpora.py", "--every", "10", "--misses"]
    env = {**os.environ, "PYTHONPATH": str(HERE)}
    measured = subprocess.run(command, cwd=HERE, env=env, capture_output=True, text=True, check=False)
    assert measured.returncode == 0, measured.stdout + measured.stderr
    rows = [line.split() for line in measured.stdout.splitlines()]
    bodies = {row[0]: int(row[1]) for row in rows if row[2:3] == ["entries"]}
    assert bodies == {"parsing": 4415, "replay": 393}
    # Both corpora are kept whole; a date that feedparser read is read here too.
    shares = {(row[0], row[2]): row[5] for row in rows if len(row) > 5 and row[0] in bodies}
    assert (
        shares["parsing", "entries"] == shares["replay", "entries"] == shares["parsing", "date"] == "100.00%"
    )
