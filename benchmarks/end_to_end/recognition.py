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

from digits_client.batch.columns import parse_row
from digits_client.batch.number_evaluation import NumberEvaluation
from digits_client.embedded import embedded_server
from digits_training.datasets import load_mnist
from digits_training.eval_set import EvalSet
from digits_training.eval_sets import available_sets
from digits_training.evaluate import SINGLES
from digits_training.number_sets import NumberSet, available_number_sets

SUCCESS_OR_FAILED_IMAGES: Final = (0, 1)
"""Exit codes of ``digits-batch`` after which each image has a row."""


def image_files(eval_set: EvalSet | NumberSet) -> Iterator[bytes]:
    """Yield the files of a set, or its images as PNG files."""
    yield from eval_set.files
    if not eval_set.files:
        for image in eval_set.images:
            file = io.BytesIO()
            Image.fromarray(image).save(file, "PNG", compress_level=1)
            yield file.getvalue()


def classify(
    eval_set: EvalSet | NumberSet, address: str, folder: Path, *options: str
) -> list[dict[str, object]]:
    """Write the images of a set as files and return the row of ``digits-batch`` for each."""
    folder.mkdir()
    for number, content in enumerate(image_files(eval_set)):
        (folder / f"{number:05}.image").write_bytes(content)
    output = folder.with_suffix(".jsonl")
    command = [
        *(sys.executable, "-m", "digits_client.batch.cli", str(folder), "--server", address),
        *("--format", "jsonl", "--output", str(output), *options),
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


def as_numbers(eval_set: EvalSet, address: str, folder: Path) -> float:
    """Return the share of single digits that is right if they are read as numbers."""
    rows = classify(eval_set, address, folder / f"{eval_set.name}-as-numbers", "--numbers")
    labels = eval_set.labels.tolist()
    right = sum(row["number"] == str(label) for row, label in zip(rows, labels, strict=True))
    return right / len(rows)


def number_line(number_set: NumberSet, address: str, folder: Path, drawn: NumberEvaluation) -> str:
    """Return the line of the table for a set of numbers, and add those that were drawn."""
    rows = classify(number_set, address, folder, "--numbers")
    as_digits = classify(number_set, address, folder.with_name(f"{folder.name}-digits"))
    evaluation = NumberEvaluation()
    for row, text in zip(rows, number_set.texts, strict=True):
        number = parse_row(row)
        evaluation.add(number, text)
        if not number_set.files:
            drawn.add(number, text)
    as_one = sum(row["verdict"] == "digit" for row in as_digits) / len(as_digits)
    return f"{figures(number_set.title, evaluation)} {as_one:.2%} |"


def figures(title: str, evaluation: NumberEvaluation) -> str:
    """Return the beginning of a line."""
    error = evaluation.calibration_error
    return (
        f"| {title} | {evaluation.labeled_count:,} | {evaluation.accuracy:.2%} | "
        f"{evaluation.digit_accuracy:.2%} | {'' if error is None else f'{error:.2%}'} |"
    )


def main() -> None:
    """Measure all sets and print two tables in Markdown."""
    sets, notes = available_sets(load_mnist(), None)
    number_sets, more_notes = available_number_sets(None)
    print("| images | count | right | not a digit | right as a number |\n|---|---|---|---|---|")
    with embedded_server() as address, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for eval_set in sets:
            rows = classify(eval_set, address, folder / eval_set.name)
            line = table_line(eval_set, rows)
            if eval_set.name in SINGLES:
                line += f" {as_numbers(eval_set, address, folder):.2%} |"
            print(line)
        print("\n| numbers | count | right | digits right | calibration error | as one digit |")
        print("|---|---|---|---|---|---|")
        drawn = NumberEvaluation()
        for number_set in number_sets:
            print(number_line(number_set, address, folder / number_set.name, drawn))
        if number_sets:
            print(f"{figures('Numbers: all kinds', drawn)} |")
    for note in [*notes, *more_notes]:
        print(f"\n{note}")


if __name__ == "__main__":
    main()
