"""Measure what docs/model-card.md quotes of recognition: image files through the real server.

    make measure-recognition

Each set of images that is at hand becomes a folder of files, goes through ``digits-batch`` and
a server of its own, and is to_predictions by the rows that come out. Blank images are made here.
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
from digits_training.eval_sets import Gray, Suite, at_hand


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


def rows_of(images: list[Gray], address: str, folder: Path) -> list[dict[str, object]]:
    """Write images as PNG files and return the row that ``digits-batch`` gives each."""
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


def row_of(suite: Suite, rows: list[dict[str, object]]) -> str:
    """Return a line of the table."""
    verdicts = Counter(row["verdict"] for row in rows)
    total = len(rows)
    rejected = (total - verdicts["digit"]) / total
    if not suite.has_digits:
        return f"| {suite.title} | {total:,} | | {rejected:.2%} |"
    right = sum(
        row["digit"] == label for row, label in zip(rows, suite.labels.tolist(), strict=True)
    )
    return f"| {suite.title} | {total:,} | {right / total:.2%} | {rejected:.2%} |"


def main() -> None:
    """Measure and print a table in Markdown."""
    suites, missing = at_hand(load_mnist(), None)
    print("| images | count | right | turned away |\n|---|---|---|---|")
    with embedded_server() as address, tempfile.TemporaryDirectory() as folder:
        for suite in suites:
            print(row_of(suite, rows_of(suite.images, address, Path(folder) / suite.name)))
        blank = rows_of(blank_images(), address, Path(folder) / "blank")
        found = sum(row["verdict"] == "blank" for row in blank)
        print(f"| Blank images | {len(blank):,} | {found / len(blank):.2%} blank | |")
    for sentence in missing:
        print(f"\n{sentence}")


if __name__ == "__main__":
    main()
