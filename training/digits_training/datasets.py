"""Loading MNIST from this machine or its official source, and verifying it.

MNIST by LeCun, Cortes and Burges has 60,000 training and 10,000 test images. Its pixels and
labels are verified against the MD5 sums of the four original IDX files, regardless of the
file that they are loaded from, so that every metric refers to exactly this set.
"""

import hashlib
import http.client
import os
import shutil
import struct
import tempfile
import urllib.request
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DATA_DIR_VARIABLE = "DIGITS_DATA_DIR"
MNIST_FILE = "mnist.npz"
MNIST_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
DOWNLOAD_TIMEOUT_SECONDS = 60.0

# MD5 sums of the uncompressed files train-images-idx3-ubyte and so on.
IDX_MD5 = {
    "x_train": "6bbc9ace898e44ae57da46a324031adb",
    "y_train": "a25bea736e30d166cdddb491f175f624",
    "x_test": "2646ac647ad5339dbf082846283269ea",
    "y_test": "27ae3e4e09519cfbb04c329615203637",
}

# Raised by NumPy for a file that is empty, truncated, altered, or not an archive.
ARCHIVE_ERRORS = (OSError, EOFError, ValueError, TypeError, zipfile.BadZipFile, zlib.error)


class DatasetError(Exception):
    """A data set is missing, cannot be downloaded, or is not the set that its name claims."""


@dataclass(frozen=True)
class Mnist:
    """MNIST as published, with ink 255 on a ground of 0."""

    x_train: NDArray[np.uint8]
    """(60000, 28, 28)"""
    y_train: NDArray[np.uint8]
    """(60000,), 0..9"""
    x_test: NDArray[np.uint8]
    """(10000, 28, 28)"""
    y_test: NDArray[np.uint8]
    """(10000,), 0..9"""


def load_mnist(data_dir: Path | None = None, *, download: bool = True) -> Mnist:
    """Load MNIST.

    It is read from ``data_dir``, else from the folder in the environment variable
    DIGITS_DATA_DIR, else from Keras' cache. Without either folder, a file missing from the
    cache is downloaded into it from the address that Keras itself uses. The download gives up
    after 60 seconds without data.

    Args:
        data_dir: A folder with ``mnist.npz``; if given, no other place is tried.
        download: Allow the download.

    Raises:
        DatasetError: MNIST is missing, the download fails, or the file is not MNIST.
    """
    folder = data_dir or _folder_from_environment()
    if folder is not None:
        path = folder / MNIST_FILE
        if not path.is_file():
            raise DatasetError(f"{folder} has no {MNIST_FILE}")
        return _read_mnist(path)
    path = _keras_cache() / MNIST_FILE
    if path.is_file():
        return _read_mnist(path)
    if not download:
        raise DatasetError(
            f"MNIST was not found: set {DATA_DIR_VARIABLE} to a folder with {MNIST_FILE}"
        )
    return _download(MNIST_URL, path)


def data_folder(data_dir: Path | None) -> Path:
    """Return the folder of the data sets: the one given, else the environment's, else Keras'."""
    return data_dir or _folder_from_environment() or _keras_cache()


def _folder_from_environment() -> Path | None:
    value = os.environ.get(DATA_DIR_VARIABLE, "")
    return Path(value) if value else None


def _keras_cache() -> Path:
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "datasets"


def _download(url: str, path: Path) -> Mnist:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".download-") as folder:
            part = Path(folder) / path.name
            with (
                urllib.request.urlopen(url, timeout=DOWNLOAD_TIMEOUT_SECONDS) as response,  # noqa: S310 - a constant https address
                part.open("wb") as file,
            ):
                shutil.copyfileobj(response, file)
            # Verified before the rename: later runs would find a partial file.
            mnist = _read_mnist(part)
            part.replace(path)
    except (OSError, http.client.HTTPException, DatasetError) as error:
        raise DatasetError(
            f"cannot download MNIST from {url} ({error}); "
            f"set {DATA_DIR_VARIABLE} to a folder with {MNIST_FILE}"
        ) from error
    return mnist


def _read_mnist(path: Path) -> Mnist:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in IDX_MD5}
    except (*ARCHIVE_ERRORS, KeyError) as error:
        raise DatasetError(f"{path} is not MNIST: {error}") from error
    for name, expected in IDX_MD5.items():
        if idx_md5(arrays[name]) != expected:
            raise DatasetError(f"{path} is not MNIST: {name} differs from the published set")
    return Mnist(**arrays)


def idx_md5(array: NDArray[np.uint8]) -> str:
    """Return the MD5 sum of an array in the IDX format, in which MNIST was published.

    Args:
        array: uint8, of any rank.
    """
    # An IDX file: a magic number with type and rank, big-endian uint32 sizes, the bytes.
    magic = struct.pack(">HBB", 0, 0x08, array.ndim)
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    digest = hashlib.md5(magic + sizes, usedforsecurity=False)
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
