"""What is sent: drawn digits and the user's own, made into requests once."""

import io
from pathlib import Path

import pytest
from PIL import Image

from digits.v1 import recognizer_pb2 as pb
from digits_client.bench import image_kinds
from digits_client.bench.calls import Kind
from digits_client.bench.image_kinds import Drawn, drawn, from_folder
from digits_client.bench.requests import requests
from digits_client.errors import InvalidImageError


def test_raw_digits_are_28_by_28_and_dark_on_light() -> None:
    digits = drawn(Drawn.RAW28)
    assert len(digits) > 2
    for image in digits.values():
        assert (image.raw.width, image.raw.height, len(image.raw.data)) == (28, 28, 784)
        assert min(image.raw.data) < 64
        assert image.raw.data[0] == 255
    assert len({image.raw.data for image in digits.values()}) == len(digits)


@pytest.mark.parametrize(("form", "side"), [(Drawn.PNG28, 28), (Drawn.PNG300, 300)])
def test_png_digits_are_files_of_their_size(form: Drawn, side: int) -> None:
    for image in drawn(form).values():
        with Image.open(io.BytesIO(image.encoded)) as opened:
            assert (opened.format, opened.size) == ("PNG", (side, side))


@pytest.mark.parametrize("form", Drawn)
def test_drawn_digits_are_the_same_each_time(form: Drawn) -> None:
    assert drawn(form) == drawn(form)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.png", "a.png", "below/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def test_a_folder_is_taken_with_those_below_in_order(folder: Path) -> None:
    taken = [image.encoded for image in from_folder(folder)]
    assert sorted(taken) == [b"a.png", b"b.png", b"below/c.png"]
    assert taken == [image.encoded for image in from_folder(folder)]


def test_of_a_large_folder_only_as_much_is_taken_as_memory_bears(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_kinds, "MOST_FILES", 2)
    assert len(from_folder(folder)) == 2
    monkeypatch.setattr(image_kinds, "MOST_BYTES", 11)
    assert len(from_folder(folder)) == 2
    monkeypatch.setattr(image_kinds, "MOST_BYTES", 9)
    assert len(from_folder(folder)) == 1


def test_a_folder_without_images_or_with_an_unreadable_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidImageError, match="holds no images"):
        from_folder(tmp_path)
    (tmp_path / "away.png").symlink_to(tmp_path / "gone")
    with pytest.raises(InvalidImageError, match=r"away\.png cannot be read"):
        from_folder(tmp_path)


IMAGES = [pb.Image(encoded=bytes([number])) for number in range(5)]


def test_a_unary_request_has_one_image() -> None:
    sent = [pb.RecognizeRequest.FromString(one) for one in requests(Kind.UNARY, IMAGES, 1)]
    assert [one.image for one in sent] == IMAGES


@pytest.mark.parametrize(("size", "count"), [(2, 3), (5, 1), (12, 1)])
def test_batches_have_their_size_and_together_all_images(size: int, count: int) -> None:
    sent = [pb.RecognizeBatchRequest.FromString(one) for one in requests(Kind.BATCH, IMAGES, size)]
    assert [len(one.images) for one in sent] == [size] * count
    assert {image.encoded for one in sent for image in one.images} == {
        image.encoded for image in IMAGES
    }


def test_there_are_not_more_different_batches_than_memory_bears() -> None:
    assert len(requests(Kind.BATCH, IMAGES * 100, 1)) == 16


def test_noop_sends_no_image() -> None:
    assert requests(Kind.NOOP, IMAGES, 1) == [b""]
