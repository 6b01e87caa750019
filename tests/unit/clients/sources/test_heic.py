"""HEIC images, with and without the extra that decodes them."""

import io
from pathlib import Path

import pytest
from PIL import Image

from digits_client.errors import InvalidImageError
from digits_client.sources import NotAnImageError, Selection, copy_name, find, heic, item

LIMIT = 100_000


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A HEIC image."""
    pillow_heif = pytest.importorskip("pillow_heif")
    file = tmp_path / "photo.HEIC"
    pillow_heif.from_pillow(Image.new("RGB", (64, 48), (200, 0, 0))).save(file)
    return file


def test_a_heic_image_is_sent_as_png(photo: Path) -> None:
    for found in (item(str(photo)), *find([str(photo.parent)], Selection(only_images=True))):
        image = Image.open(io.BytesIO(found.read(LIMIT)), formats=("PNG",))
        assert (image.size, image.mode) == ((64, 48), "RGB")
    assert copy_name(str(photo)) == "photo.HEIC.png"


def test_a_broken_or_too_large_heic_image_is_an_error(
    photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = photo.read_bytes()
    photo.write_bytes(b"no image")
    with pytest.raises(InvalidImageError, match="is not a HEIC image, or is broken"):
        item(str(photo)).read(LIMIT)
    photo.write_bytes(content)
    monkeypatch.setattr(heic, "MAX_PIXELS", 3000)
    with pytest.raises(InvalidImageError, match="has 3,072 pixels; HEIC images may have 3,000"):
        item(str(photo)).read(LIMIT)


def test_without_the_extra_a_named_file_fails_and_one_in_a_folder_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heic, "is_available", lambda: False)
    (tmp_path / "photo.heic").write_bytes(b"x")
    with pytest.raises(InvalidImageError) as caught:
        item(str(tmp_path / "photo.heic")).read(LIMIT)
    assert str(caught.value) == "is a HEIC image, which needs pip install 'digits[heic]'"
    (found,) = find([str(tmp_path)], Selection(only_images=True))
    with pytest.raises(NotAnImageError) as skipped:
        found.read(LIMIT)
    assert skipped.value.kind == "HEIC"
