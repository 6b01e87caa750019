"""The images that are sent, and the requests that are built from them."""

import io
from pathlib import Path

import pytest
from PIL import Image

from digits.v1 import recognizer_pb2 as pb
from digits_client.bench import image_kinds
from digits_client.bench.image_kinds import ImageKind, drawn_digits, from_folder
from digits_client.bench.requests import build_requests
from digits_client.bench.workload import CallKind
from digits_client.errors import InvalidImageError


def test_raw_digits_are_28_by_28_and_dark_on_light() -> None:
    digits = drawn_digits(ImageKind.RAW28)
    assert len(digits) > 2
    for image in digits.values():
        assert (image.raw.width, image.raw.height, len(image.raw.data)) == (28, 28, 784)
        assert min(image.raw.data) < 64
        assert image.raw.data[0] == 255
    assert len({image.raw.data for image in digits.values()}) == len(digits)


@pytest.mark.parametrize(("kind", "side"), [(ImageKind.PNG28, 28), (ImageKind.PNG300, 300)])
def test_png_digits_are_files_of_the_named_size(kind: ImageKind, side: int) -> None:
    for image in drawn_digits(kind).values():
        with Image.open(io.BytesIO(image.encoded)) as opened:
            assert (opened.format, opened.size) == ("PNG", (side, side))


@pytest.mark.parametrize("kind", ImageKind)
def test_drawn_digits_are_the_same_every_time(kind: ImageKind) -> None:
    assert drawn_digits(kind) == drawn_digits(kind)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.png", "a.png", "below/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def test_a_folder_is_read_recursively_and_in_order(folder: Path) -> None:
    contents = [image.encoded for image in from_folder(folder)]
    assert sorted(contents) == [b"a.png", b"b.png", b"below/c.png"]
    assert contents == [image.encoded for image in from_folder(folder)]


def test_a_large_folder_is_read_up_to_the_limits(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_kinds, "MAX_FILES", 2)
    assert len(from_folder(folder)) == 2
    monkeypatch.setattr(image_kinds, "MAX_BYTES", 11)
    assert len(from_folder(folder)) == 2
    monkeypatch.setattr(image_kinds, "MAX_BYTES", 9)
    assert len(from_folder(folder)) == 1


def test_an_empty_folder_or_an_unreadable_image_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidImageError, match="holds no images"):
        from_folder(tmp_path)
    (tmp_path / "away.png").symlink_to(tmp_path / "gone")
    with pytest.raises(InvalidImageError, match=r"away\.png cannot be read"):
        from_folder(tmp_path)


IMAGES = [pb.Image(encoded=bytes([number])) for number in range(5)]


def test_a_unary_request_has_one_image() -> None:
    requests = [
        pb.RecognizeRequest.FromString(request)
        for request in build_requests(CallKind.UNARY, IMAGES, 1)
    ]
    assert [request.image for request in requests] == IMAGES


@pytest.mark.parametrize(("size", "count"), [(2, 3), (5, 1), (12, 1)])
def test_batches_have_their_size_and_cover_all_images(size: int, count: int) -> None:
    batches = [
        pb.RecognizeBatchRequest.FromString(request)
        for request in build_requests(CallKind.BATCH, IMAGES, size)
    ]
    assert [len(batch.images) for batch in batches] == [size] * count
    assert {image.encoded for batch in batches for image in batch.images} == {
        image.encoded for image in IMAGES
    }


def test_the_number_of_different_batches_is_bounded() -> None:
    assert len(build_requests(CallKind.BATCH, IMAGES * 100, 1)) == 16


def test_a_noop_request_has_no_image() -> None:
    assert build_requests(CallKind.NOOP, IMAGES, 1) == [b""]
