"""Finding MNIST on this machine, or fetching it from its source, and checking it.

The set is the one of LeCun, Cortes and Burges: 60,000 training and 10,000 test
images. Whatever file it comes in, its pixels and labels are checked against the
MD5 sums of the four original IDX files, so that a figure measured here is a
figure on that set and on no other.
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

# Of the uncompressed files train-images-idx3-ubyte and so on.
IDX_MD5 = {
    "x_train": "6bbc9ace898e44ae57da46a324031adb",
    "y_train": "a25bea736e30d166cdddb491f175f624",
    "x_test": "2646ac647ad5339dbf082846283269ea",
    "y_test": "27ae3e4e09519cfbb04c329615203637",
}

# What NumPy raises at a file that is empty, cut short, altered, or something else.
NOT_AN_ARCHIVE = (OSError, EOFError, ValueError, TypeError, zipfile.BadZipFile, zlib.error)


class DatasetError(Exception):
    """A data set cannot be found, fetched, or is not what its name says."""


@dataclass(frozen=True)
class Mnist:
    """MNIST as published: ink is 255 on a ground of 0."""

    x_train: NDArray[np.uint8]
    """(60000, 28, 28)"""
    y_train: NDArray[np.uint8]
    """(60000,), 0..9"""
    x_test: NDArray[np.uint8]
    """(10000, 28, 28)"""
    y_test: NDArray[np.uint8]
    """(10000,), 0..9"""


def load_mnist(data_dir: Path | None = None, *, download: bool = True) -> Mnist:
    """Load MNIST from the first place that has it.

    The places: ``data_dir``, else the folder that the environment variable
    DIGITS_DATA_DIR names, else Keras' cache, else (with ``download``) the file
    that Keras itself downloads, kept in Keras' cache.

    Args:
        data_dir: A folder with ``mnist.npz``. When given, no other place is tried.
        download: Whether the network may be used.

    Raises:
        DatasetError: No place has it, the download fails, or the file is not MNIST.
    """
    named = data_dir or _folder_from_environment()
    if named is not None:
        path = named / MNIST_FILE
        if not path.is_file():
            raise DatasetError(f"{named} has no {MNIST_FILE}")
        return _read_mnist(path)
    path = _keras_cache() / MNIST_FILE
    if path.is_file():
        return _read_mnist(path)
    if not download:
        raise DatasetError(
            f"MNIST is not here: set {DATA_DIR_VARIABLE} to a folder with {MNIST_FILE}"
        )
    return _download(MNIST_URL, path)


def data_folder(data_dir: Path | None) -> Path:
    """Return the folder of data sets: the one given, else that of the environment, else Keras'."""
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
                urllib.request.urlopen(url, timeout=DOWNLOAD_TIMEOUT_SECONDS) as answer,  # noqa: S310 - a constant https address
                part.open("wb") as file,
            ):
                shutil.copyfileobj(answer, file)
            # Only what is MNIST takes the name: half a file would be found ever after.
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
    except (*NOT_AN_ARCHIVE, KeyError) as error:
        raise DatasetError(f"{path} is not MNIST: {error}") from error
    for name, expected in IDX_MD5.items():
        if idx_md5(arrays[name]) != expected:
            raise DatasetError(f"{path} is not MNIST: {name} differs from the published set")
    return Mnist(**arrays)


def idx_md5(array: NDArray[np.uint8]) -> str:
    """Return the MD5 of an array as the IDX file that MNIST was published in.

    Args:
        array: uint8, of any rank. An IDX file is a magic number with the type
            and rank, the sizes as big-endian uint32, then the bytes.
    """
    magic = struct.pack(">HBB", 0, 0x08, array.ndim)
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    digest = hashlib.md5(magic + sizes, usedforsecurity=False)
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
