"""How fast the converted model is beside sentence-transformers, and how near its vectors are.

Both encode the same texts in one process, in turns, so that what else the machine does falls on both alike:
sentence-transformers as its documentation shows it (float32, batches of 32, all threads), ours as the service
does. Memory is that of another process which has only our encoder. Without a file of items, reference texts
are taken. Run: python benchmarks/encoder.py [--texts 2000] [--items FILE] [--model NAME]
"""

import argparse
import os
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

os.environ.setdefault("TQDM_DISABLE", "1")

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from monitor.labelled import read_items
from monitor.passages import item_text
from monitor.reference import reference_texts
from monitor.scoring import open_encoder
from monitor.scoring.models import BUNDLED, open_folder

ITEMS = Path(__file__).parents[2] / "shared" / "data" / "relevance" / "items.jsonl.xz"
EVERY = 37
"""Items are taken this far apart, so that they come from many days."""
TURNS = 8
ALONE = """
import sys
from monitor.scoring import open_encoder
encoder = open_encoder(sys.argv[1])
texts = sys.stdin.read().split("\\n")
for start in range(0, len(texts), 64):
    encoder.encode(texts[start : start + 64])
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
print(status["VmRSS"].split()[0], status["VmHWM"].split()[0])
"""


def texts_of(path: Path, count: int) -> list[str]:
    if not path.is_file():
        return [text for group in reference_texts() for text in group][:count]
    found = (item_text(each.item.title, each.item.summary) for each in read_items(path))
    return list(islice(islice(found, 0, None, EVERY), count))


def resident(model: str, texts: list[str]) -> tuple[int, int]:
    """Return kilobytes at the end and at most, of a process that has encoded the texts with ours."""
    done = subprocess.run(
        [sys.executable, "-c", ALONE, model],
        input="\n".join(texts),
        capture_output=True,
        text=True,
        check=True,
    )
    now, most = done.stdout.split()
    return int(now), int(most)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--items", type=Path, default=ITEMS, help="JSON lines, plain or .xz")
    parser.add_argument("--model", default=BUNDLED)
    options = parser.parse_args()
    texts = texts_of(options.items, options.texts)
    ours = open_encoder(options.model)
    plain = SentenceTransformer(str(open_folder(options.model).path), device="cpu")
    for encode in (ours.encode, plain.encode):
        encode(texts[:64])
    seconds = {"sentence-transformers": 0.0, "ours": 0.0}
    cosines = []
    for turn in range(TURNS):
        part = texts[turn::TURNS]
        started = time.perf_counter()
        expected = plain.encode(part, batch_size=32, normalize_embeddings=True)
        between = time.perf_counter()
        found = ours.encode(part)
        seconds["sentence-transformers"] += between - started
        seconds["ours"] += time.perf_counter() - between
        cosines.append((np.asarray(expected) * found).sum(axis=1))
    every = np.concatenate(cosines)
    words = np.mean([len(text.split()) for text in texts])
    load = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    threads = torch.get_num_threads()
    print(f"{len(texts)} texts of {words:.0f} words, {ours.model}, {threads} threads, load {load}")
    for name, taken in seconds.items():
        print(f"{name:<22} {len(texts) / taken:7.0f} texts/s")
    print(f"{'ratio':<22} {seconds['sentence-transformers'] / seconds['ours']:7.2f}")
    print(f"{'cosine':<22} {every.min():.6f} least, {every.mean():.6f} mean")
    if Path("/proc/self/status").exists():
        now, most = resident(options.model, texts)
        print(f"{'memory, ours alone':<22} {now / 1024:7.0f} MiB resident, {most / 1024:.0f} MiB at most")


if __name__ == "__main__":
    main()
