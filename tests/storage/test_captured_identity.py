"""Captured feeds, as the benchmark of identity replays them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2]
DATA = HERE.parent / "shared" / "data" / "replay"


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="needs the captured bodies in ../shared/data/replay")
def test_edits_and_regenerated_guids_of_captured_feeds_make_no_second_item() -> None:
    # Two of the outlets; `python benchmarks/identity.py` replays all.
    command = [sys.executable, "benchmarks/identity.py", "--feeds", "nytimes", "nzherald"]
    env = {**os.environ, "PYTHONPATH": str(HERE)}
    measured = subprocess.run(command, cwd=HERE, env=env, capture_output=True, text=True, check=False)
    assert measured.returncode == 0, measured.stderr
    numbers = [
        int(number) for number in re.findall(r"(\d+) (?:keys|items|edited|rekeyed|stand)", measured.stdout)
    ]
    keys, items, rekeyed, edited, moved = numbers[:5]
    assert items == keys - moved
    assert edited > 300
    _, churned_items, churned, _, churned_moved = numbers[5:]
    assert churned > 6_000
    assert items <= churned_items < items + 1.5 * edited
    assert rekeyed <= 15
    assert churned_moved <= 15
