"""Measure the accuracy that docs/model-card.md quotes: image files through a real server.

    make measure-recognition

Each available set of images is written as a folder of files and classified by ``digits-batch``
with a private server; the metrics come from the rows of its output. The blank images are made here.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from digits_client.cli.embedded import embedded_server
from digits_training.datasets import load_mnist
from digits_training.eval_sets import EvalSet, Gray, available_sets


def blank_images() -> list[Gray]:
    """Return images without ink: canvases of each level, and paper with grain and uneven light."""
    random = np.random.default_rng(7)
    pages = [np.full((side, side), level, np.uint8) for side in (28, 300) for level in range(256)]
    for side in (64, 300, 600):
        slope = np.linspace(-1, 1, side)
        for _ in range(100):
            page = random.uniform(60, 235) + random.normal(0, random.uniform(0, 10), (side, side))
            page += random.uniform(-30, 30) * slope + random.uniform(-30, 30) * slope[:, None]
            pages.append(np.clip(page, 0, 255).astype(np.uint8))
    return pages


def classify(images: list[Gray], address: str, folder: Path) -> list[dict[str, object]]:
    """Write images as PNG files and return the row of ``digits-batch`` for each."""
    folder.mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number:05}.png", compress_level=1)
    output = folder.with_suffix(".jsonl")
    command = [
        *(sys.executable, "-m", "digits_client.batch.cli", str(folder), "--server", address),
        *("--format", "jsonl", "--output", str(output)),
    ]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return [json.loads(line) for line in output.read_text().splitlines()]


def table_line(eval_set: EvalSet, rows: list[dict[str, object]]) -> str:
    """Return the line of the table for a set."""
    verdicts = Counter(row["verdict"] for row in rows)
    total = len(rows)
    not_a_digit = (total - verdicts["digit"]) / total
    if not eval_set.has_digits:
        return f"| {eval_set.title} | {total:,} | | {not_a_digit:.2%} |"
    right = sum(
        row["digit"] == label for row, label in zip(rows, eval_set.labels.tolist(), strict=True)
    )
    return f"| {eval_set.title} | {total:,} | {right / total:.2%} | {not_a_digit:.2%} |"


def main() -> None:
    """Measure all sets and print a table in Markdown."""
    sets, notes = available_sets(load_mnist(), None)
    print("| images | count | right | not a digit |\n|---|---|---|---|")
    with embedded_server() as address, tempfile.TemporaryDirectory() as folder:
        for eval_set in sets:
            rows = classify(eval_set.images, address, Path(folder) / eval_set.name)
            print(table_line(eval_set, rows))
        rows = classify(blank_images(), address, Path(folder) / "blank")
        blank = sum(row["verdict"] == "blank" for row in rows)
        print(f"| Blank images | {len(rows):,} | {blank / len(rows):.2%} blank | |")
    for note in notes:
        print(f"\n{note}")


if __name__ == "__main__":
    main()
