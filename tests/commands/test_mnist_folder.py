"""``digits-batch`` on a folder of MNIST's test images, with the shipped model."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from digits_training.datasets import Mnist

if TYPE_CHECKING:
    from tests.processes import Run

IMAGE_COUNT = 500
MIN_ACCURACY = 0.98


def test_at_least_98_percent_of_500_mnist_test_images_are_recognized(
    mnist: Mnist, run: "Run", tmp_path: Path
) -> None:
    images, output = tmp_path / "images", tmp_path / "rows.csv"
    images.mkdir()
    for number in range(IMAGE_COUNT):
        Image.fromarray(mnist.x_test[number]).save(images / f"{number:03}.png")
    done = run(
        *("digits_client.batch.cli", str(images), "--format", "csv", "--output", str(output))
    )
    assert done.returncode == 0, done.stderr
    with output.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [Path(row["path"]).stem for row in rows] == [f"{n:03}" for n in range(IMAGE_COUNT)]
    correct_count = sum(
        row["digit"] == str(digit)
        for row, digit in zip(rows, mnist.y_test[:IMAGE_COUNT], strict=True)
    )
    assert correct_count / IMAGE_COUNT >= MIN_ACCURACY
