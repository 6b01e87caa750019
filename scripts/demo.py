"""Show what digits does: start the server, classify the samples, and MNIST where it is at hand.

    make demo

It runs the commands as a user would and prints each. The private server that it starts
ends with it.
"""

import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from digits_client import Client
from digits_client.cli.embedded import embedded_server
from digits_training.datasets import DatasetError, Mnist, load_mnist

ROOT = Path(__file__).resolve().parent.parent


def write_png_folder(mnist: Mnist, folder: Path) -> int:
    """Write MNIST's test images as ``<digit>/<number>.png`` and return how many there are."""
    for digit in range(10):
        (folder / str(digit)).mkdir(parents=True)
    for number, (image, digit) in enumerate(zip(mnist.x_test, mnist.y_test, strict=True)):
        Image.fromarray(image).save(folder / str(digit) / f"{number:05}.png")
    return len(mnist.x_test)


def batch(*arguments: str, shown: str) -> int:
    """Run ``digits-batch``, printing the command that does the same, and return its status."""
    print(f"\n$ digits-batch {shown}", flush=True)
    command = [sys.executable, "-m", "digits_client.batch.cli", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def right_and_total(answers: Path) -> tuple[int, int]:
    """Count the rows of a CSV whose digit is the name of the folder that the image is in.

    Images in folders that are not named by a digit do not count.
    """
    with answers.open(newline="", encoding="utf-8") as file:
        to_predictions = [
            row["digit"] == Path(row["path"]).parent.name
            for row in csv.DictReader(file)
            if Path(row["path"]).parent.name.isdigit()
        ]
    return sum(to_predictions), len(to_predictions)


def show_samples(address: str, folder: Path) -> None:
    """Classify the repository's drawings: as a table, and again to count."""
    batch("samples", "--server", address, shown="samples")
    answers = folder / "samples.csv"
    batch(
        *("samples", "--server", address, "--format", "csv", "--output", str(answers)),
        shown="samples --format csv --output samples.csv",
    )
    right_count, total = right_and_total(answers)
    print(f"\n{right_count} of {total} sample drawings right. In samples/odd, which holds files")
    print("that are broken on purpose, each bad file has a row that says why.")


def show_mnist(address: str, folder: Path) -> None:
    """Classify MNIST's test images from a folder of PNG files."""
    try:
        mnist = load_mnist(download=False)
    except DatasetError as error:
        print(f"\nMNIST's test images are left out: {error}.")
        return
    images, answers = folder / "mnist-test", folder / "mnist-test.csv"
    total = write_png_folder(mnist, images)
    print(f"\nMNIST's {total:,} test images are now PNG files in a folder.")
    began = time.perf_counter()
    batch(
        *(str(images), "--server", address, "--format", "csv", "--output", str(answers)),
        shown="mnist-test --format csv --output mnist-test.csv",
    )
    seconds = time.perf_counter() - began
    right_count, total = right_and_total(answers)
    print(f"\nMNIST test accuracy: {right_count / total:.2%} ({right_count:,} of {total:,}),")
    print(f"{total / seconds:,.0f} images a second from start to end of the command.")


def main() -> None:
    """Run the demonstration."""
    os.chdir(ROOT)
    with embedded_server() as address, tempfile.TemporaryDirectory() as folder:
        with Client(address) as client:
            model = client.model()
        print(f"digits-server is ready on {address} with model {model.version},")
        print(f"which is right on {model.mnist_test_accuracy:.2%} of MNIST's test set.")
        show_samples(address, Path(folder))
        show_mnist(address, Path(folder))


if __name__ == "__main__":
    main()
