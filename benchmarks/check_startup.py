"""Measures how long whole processes take that should answer at once: `monitor --help`, `monitor check`.

Beside them stand `python -c pass`, the floor, and `import torch`, which neither of them may pay for.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

CONFIG = str(Path(__file__).parents[1] / "config")
COMMANDS = {
    "python -c pass": ("-c", "pass"),
    "monitor --help": ("-m", "monitor", "--help"),
    "monitor check": ("-m", "monitor", "check", "--config", CONFIG),
    "import torch": ("-c", "import torch"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="of each command, after one that is not counted")
    runs = parser.parse_args().runs
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    # Taking turns spreads what else the machine does evenly over the commands.
    for run in range(runs + 1):
        for name, arguments in COMMANDS.items():
            elapsed = wall_seconds(arguments)
            if run:
                seconds[name].append(elapsed)
    floor = statistics.median(seconds["python -c pass"])
    print(f"{'command':<16} {'median s':>9} {'min s':>7} {'max s':>7} {'× floor':>8}   ({runs} runs)")
    for name, measured in seconds.items():
        median = statistics.median(measured)
        print(f"{name:<16} {median:9.3f} {min(measured):7.3f} {max(measured):7.3f} {median / floor:8.1f}")


def wall_seconds(arguments: tuple[str, ...]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
