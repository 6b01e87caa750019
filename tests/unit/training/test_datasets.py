"""Finding and verifying MNIST."""

import hashlib
import http.server
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digits_training import datasets
from digits_training.datasets import DatasetError, Mnist, idx_md5, load_mnist

PARTS = ("x_train", "y_train", "x_test", "y_test")


def small_set(seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    images = random.integers(0, 255, (7, 28, 28), np.uint8)
    labels = random.integers(0, 9, 7, np.uint8)
    return dict(zip(PARTS, (images[:5], labels[:5], images[5:], labels[5:]), strict=True))


def write_set(folder: Path, **changes: np.ndarray) -> Path:
    """Write a file in the right format into a folder and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    parts: dict[str, Any] = small_set(1) | changes
    np.savez_compressed(folder / "mnist.npz", **parts)
    return folder


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's data sets are hidden, and a small set passes for MNIST."""
    monkeypatch.delenv("DIGITS_DATA_DIR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    sums = {name: idx_md5(part) for name, part in small_set(1).items()}
    monkeypatch.setattr(datasets, "IDX_MD5", sums)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that the download is served from, with the file in it."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]  # passed through

        def log_message(self, *_: object) -> None: ...

    folder = write_set(tmp_path / "source")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        url = f"http://127.0.0.1:{server.server_port}/mnist.npz"
        monkeypatch.setattr(datasets, "MNIST_URL", url)
        yield folder
        server.shutdown()


def assert_is_the_small_set(mnist: Mnist) -> None:
    for name, part in small_set(1).items():
        assert np.array_equal(getattr(mnist, name), part), name


def test_a_given_folder_takes_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITS_DATA_DIR", str(tmp_path / "wrong"))
    assert_is_the_small_set(load_mnist(write_set(tmp_path / "given")))


def test_a_given_folder_without_mnist_is_an_error_even_if_another_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITS_DATA_DIR", str(write_set(tmp_path / "variable")))
    with pytest.raises(DatasetError, match=r"given has no mnist\.npz$"):
        load_mnist(tmp_path / "given")


def test_the_environment_variable_takes_precedence_over_keras_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITS_DATA_DIR", str(write_set(tmp_path / "variable")))
    write_set(tmp_path / "keras" / "datasets", x_test=np.zeros((2, 28, 28), np.uint8))
    assert_is_the_small_set(load_mnist())


def test_an_empty_environment_variable_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITS_DATA_DIR", "")
    write_set(tmp_path / "keras" / "datasets")
    assert_is_the_small_set(load_mnist(download=False))


def test_keras_cache_is_in_the_home_folder_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    write_set(tmp_path / ".keras" / "datasets")
    assert_is_the_small_set(load_mnist(download=False))


def test_without_a_download_the_error_names_the_environment_variable() -> None:
    with pytest.raises(DatasetError, match=r"set DIGITS_DATA_DIR to a folder with mnist\.npz$"):
        load_mnist(download=False)


def test_mnist_is_downloaded_as_a_last_resort_and_cached(source: Path, tmp_path: Path) -> None:
    assert_is_the_small_set(load_mnist())
    (source / "mnist.npz").unlink()
    assert_is_the_small_set(load_mnist(download=False))
    assert [path.name for path in (tmp_path / "keras" / "datasets").iterdir()] == ["mnist.npz"]


@pytest.mark.parametrize("content", [None, b"", b"<html>sign in first</html>"])
def test_a_failed_download_leaves_no_files(
    content: bytes | None, source: Path, tmp_path: Path
) -> None:
    (source / "mnist.npz").unlink()
    if content is not None:
        (source / "mnist.npz").write_bytes(content)
    with pytest.raises(DatasetError, match=r"^cannot download MNIST from http.*DIGITS_DATA_DIR"):
        load_mnist()
    assert list((tmp_path / "keras" / "datasets").iterdir()) == []


def test_an_unreachable_server_is_an_error(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert source.is_dir()
    monkeypatch.setattr(datasets, "MNIST_URL", "http://127.0.0.1:1/mnist.npz")
    with pytest.raises(DatasetError, match="cannot download MNIST"):
        load_mnist()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda good: b"",
        lambda good: b"this is not an archive",
        lambda good: good[: len(good) // 2],
        lambda good: good[:-10],
        lambda good: good[:3000] + bytes(64) + good[3064:],
        lambda good: b"PK\x03\x04",
    ],
    ids=["empty", "text", "half of it", "cut at the end", "altered", "magic number only"],
)
def test_a_corrupt_file_is_an_error(spoil: Callable[[bytes], bytes], tmp_path: Path) -> None:
    file = write_set(tmp_path) / "mnist.npz"
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(DatasetError, match=r"mnist\.npz is not MNIST: "):
        load_mnist(tmp_path)


def test_a_single_array_is_an_error(tmp_path: Path) -> None:
    with (tmp_path / "mnist.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DatasetError, match="is not MNIST"):
        load_mnist(tmp_path)


def test_an_archive_without_one_of_the_arrays_is_an_error(tmp_path: Path) -> None:
    np.savez(tmp_path / "mnist.npz", x_train=small_set(1)["x_train"])
    with pytest.raises(DatasetError, match=r"is not MNIST: .*y_train"):
        load_mnist(tmp_path)


@pytest.mark.parametrize("name", PARTS)
def test_one_altered_pixel_or_label_is_an_error_that_names_the_array(
    name: str, tmp_path: Path
) -> None:
    part = small_set(1)[name].copy()
    part.flat[0] ^= 1
    with pytest.raises(DatasetError, match=f"{name} differs from the published set$"):
        load_mnist(write_set(tmp_path, **{name: part}))


def test_equal_values_of_another_type_are_an_error(tmp_path: Path) -> None:
    wide = small_set(1)["y_test"].astype(np.int64)
    with pytest.raises(DatasetError, match="y_test differs"):
        load_mnist(write_set(tmp_path, y_test=wide))


def test_the_checksum_of_an_array_equals_that_of_its_idx_file() -> None:
    # Two zero bytes, type 8 for unsigned bytes, rank, sizes, then the values.
    images = bytes([0, 0, 8, 3]) + struct.pack(">III", 1, 2, 3) + bytes([1, 2, 3, 4, 5, 6])
    array = np.arange(1, 7, dtype=np.uint8).reshape(1, 2, 3)
    assert idx_md5(array) == hashlib.md5(images).hexdigest()
    labels = bytes([0, 0, 8, 1, 0, 0, 0, 2, 9, 7])
    assert idx_md5(np.array([9, 7], np.uint8)) == hashlib.md5(labels).hexdigest()


def test_the_checksum_does_not_depend_on_the_memory_layout() -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert idx_md5(np.asfortranarray(array)) == idx_md5(array)
