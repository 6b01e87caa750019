"""The demo itself, in an environment with digits[server,web]; ``scripts.demo`` installs that first.

It prints the commands and runs them as a user would. The server is private and ends with the demo.
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
from digits_client.embedded import embedded_server
from digits_training.datasets import DatasetError, Mnist, load_mnist

ROOT = Path(__file__).resolve().parent.parent


def write_png_folder(mnist: Mnist, folder: Path) -> int:
    """Write MNIST's test images as ``<digit>/<number>.png``, and return their number."""
    for digit in range(10):
        (folder / str(digit)).mkdir(parents=True)
    for number, (image, digit) in enumerate(zip(mnist.x_test, mnist.y_test, strict=True)):
        Image.fromarray(image).save(folder / str(digit) / f"{number:05}.png")
    return len(mnist.x_test)


def batch(*arguments: str, shown: str) -> int:
    """Print a command and run ``digits-batch`` accordingly; return its exit status."""
    print(f"\n$ digits-batch {shown}", flush=True)
    command = [sys.executable, "-m", "digits_client.batch.cli", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def count_right(rows: Path) -> tuple[int, int]:
    """Compare the digits in a CSV file with the folders of their images.

    Returns:
        The number of images whose folder is the recognized digit, and the number of images in
        folders that are named by one digit.
    """
    with rows.open(newline="", encoding="utf-8") as file:
        is_right = [
            row["digit"] == Path(row["path"]).parent.name
            for row in csv.DictReader(file)
            if len(Path(row["path"]).parent.name) == 1
        ]
    return sum(is_right), len(is_right)


def show_samples(address: str, folder: Path) -> None:
    """Classify the sample drawings: as a table, and as CSV to count the right ones."""
    batch("samples", "--server", address, shown="samples")
    rows = folder / "samples.csv"
    batch(
        *("samples", "--server", address, "--format", "csv", "--output", str(rows)),
        shown="samples --format csv --output samples.csv",
    )
    right_count, total = count_right(rows)
    print(
        f"\n{right_count} of {total} sample drawings are right. The files in samples/odd are broken"
    )
    print(
        "on purpose; each has a row with the reason. Those in samples/numbers hold several digits:"
    )
    batch("samples/numbers", "--numbers", "--server", address, shown="samples/numbers --numbers")


def show_mnist(address: str, folder: Path) -> None:
    """Classify MNIST's test images from a folder of PNG files."""
    try:
        mnist = load_mnist(download=False)
    except DatasetError as error:
        print(f"\nMNIST's test images are skipped: {error}.")
        return
    images, rows = folder / "mnist-test", folder / "mnist-test.csv"
    total = write_png_folder(mnist, images)
    print(f"\nMNIST's {total:,} test images are now PNG files in a folder.")
    start = time.perf_counter()
    batch(
        *(str(images), "--server", address, "--format", "csv", "--output", str(rows)),
        shown="mnist-test --format csv --output mnist-test.csv",
    )
    seconds = time.perf_counter() - start
    right_count, total = count_right(rows)
    print(f"\nMNIST test accuracy: {right_count / total:.2%} ({right_count:,} of {total:,}),")
    print(f"{total / seconds:,.0f} images per second from start to end of the command.")


def web_command() -> str:
    """Return the command that opens the page, as it is typed in the checkout."""
    command = Path(sys.executable).with_name("digits-web")
    return os.path.relpath(command, ROOT)


def main() -> None:
    """Run the demo."""
    os.chdir(ROOT)
    with embedded_server() as address, tempfile.TemporaryDirectory() as folder:
        with Client(address) as client:
            model = client.model()
        print(f"digits-server is ready on {address} with model {model.title},")
        print(f"which is right on {model.mnist_test_accuracy:.2%} of MNIST's test images.")
        show_samples(address, Path(folder))
        show_mnist(address, Path(folder))
    print(f"\nDraw yourself, in the browser:\n\n$ {web_command()}")


if __name__ == "__main__":
    main()
