"""Measure the accuracy that docs/model-card.md quotes: image files through a real server.

    make measure-recognition

Each available set of images is written as a folder of files and classified by ``digits-batch``
with a private server; the metrics come from the rows of its output.
"""

import io
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from PIL import Image

from digits_client.cli.embedded import embedded_server
from digits_training.datasets import load_mnist
from digits_training.eval_set import EvalSet
from digits_training.eval_sets import available_sets

SUCCESS_OR_FAILED_IMAGES: Final = (0, 1)
"""Exit codes of ``digits-batch`` after which each image has a row."""


def image_files(eval_set: EvalSet) -> Iterator[bytes]:
    """Yield the files of a set, or its images as PNG files."""
    yield from eval_set.files
    if not eval_set.files:
        for image in eval_set.images:
            file = io.BytesIO()
            Image.fromarray(image).save(file, "PNG", compress_level=1)
            yield file.getvalue()


def classify(eval_set: EvalSet, address: str, folder: Path) -> list[dict[str, object]]:
    """Write the images of a set as files and return the row of ``digits-batch`` for each."""
    folder.mkdir()
    for number, content in enumerate(image_files(eval_set)):
        (folder / f"{number:05}.image").write_bytes(content)
    output = folder.with_suffix(".jsonl")
    command = [
        *(sys.executable, "-m", "digits_client.batch.cli", str(folder), "--server", address),
        *("--format", "jsonl", "--output", str(output)),
    ]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if done.returncode not in SUCCESS_OR_FAILED_IMAGES:
        raise SystemExit(done.stderr)
    return [json.loads(line) for line in output.read_text().splitlines()]


def table_line(eval_set: EvalSet, rows: list[dict[str, object]]) -> str:
    """Return the line of the table for a set."""
    verdicts = Counter(row["verdict"] for row in rows)
    total = len(rows)
    not_a_digit = (total - verdicts["digit"]) / total
    if eval_set.is_blank:
        blank = verdicts["blank"] / total
        return f"| {eval_set.title} | {total:,} | {blank:.2%} blank | {not_a_digit:.2%} |"
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
            rows = classify(eval_set, address, Path(folder) / eval_set.name)
            print(table_line(eval_set, rows))
    for note in notes:
        print(f"\n{note}")


if __name__ == "__main__":
    main()
