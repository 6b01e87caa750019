"""Pictures from files and from the clipboard."""

import contextlib
import io
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageGrab

from digits_client.draw import pictures
from digits_client.draw.pictures import PictureError

ORIENTATION = 0x0112

# The transformation of an upright picture that each EXIF orientation stands for.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", STORED)
def test_a_photo_is_rotated_by_its_exif_orientation(tmp_path: Path, orientation: int) -> None:
    upright = np.zeros((20, 30), np.uint8)
    upright[:10, :15] = 250
    upright[:10, 15:] = 120
    stored, turned = Image.fromarray(upright), STORED[orientation]
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    (stored if turned is None else stored.transpose(turned)).save(
        tmp_path / "a.jpg", exif=exif, quality=100
    )
    picture = pictures.from_file(tmp_path / "a.jpg").image
    assert picture.size == (30, 20)
    assert np.abs(np.asarray(picture, np.int16) - upright).max() < 16
    assert picture.getexif().get(ORIENTATION, 1) == 1  # or a viewer would rotate it again


def test_a_photo_with_damaged_exif_data_is_shown_or_reported_as_damaged(
    tmp_path: Path,
) -> None:
    exif = b"II*\0\x08\0\0\0" + struct.pack("<H", 2)
    exif += struct.pack("<HHIHH", ORIENTATION, 3, 1, 6, 0)
    exif += struct.pack("<HHI4sI", 0x0100, 2, 4, b"abc", 0)  # a width that is text
    file = tmp_path / "a.jpg"
    Image.new("L", (30, 20)).save(file, exif=b"Exif\0\0" + exif)
    try:
        assert pictures.from_file(file).image.size in ((20, 30), (30, 20))
    except PictureError as error:
        assert str(error) == "a.jpg is damaged."  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_a_picture_of_any_mode_can_be_sent_and_shown(tmp_path: Path, mode: str) -> None:
    file = tmp_path / "a.tiff"
    Image.new(mode, (8, 6)).save(file)
    picture = pictures.from_file(file).image
    picture.save(tmp_path / "b.png")
    assert pictures.viewable(picture).mode in ("L", "RGB", "RGBA")


def test_16_bit_gray_is_stretched_to_the_full_range() -> None:
    deep = Image.fromarray(np.array([[1000, 2000], [3000, 1500]], np.uint16))
    assert np.asarray(pictures.viewable(deep)).tolist() == [[0, 127], [255, 63]]
    even = pictures.viewable(Image.new("I;16", (2, 2), 500))
    assert even.getextrema() == (0, 0)


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bit_gray_of_either_byte_order_keeps_its_shades(tmp_path: Path, order: str) -> None:
    deep = np.linspace(0, 65535, 48).reshape(6, 8)
    mode = "I;16" if order == "<" else "I;16B"
    file = tmp_path / "a.tiff"
    file.write_bytes(_tiff(deep.astype(f"{order}u2").tobytes(), (8, 6), order))
    with Image.open(file) as image:
        assert image.mode == mode
    shown = np.asarray(pictures.viewable(pictures.from_file(file).image).convert("L"), np.int16)
    assert np.abs(shown - deep / 257).max() <= 1


def _tiff(content: bytes, size: tuple[int, int], order: str) -> bytes:
    """Return a minimal TIFF of 16-bit gray; Pillow itself writes only one byte order."""
    entries = {256: size[0], 257: size[1], 258: 16, 259: 1, 262: 1, 273: 0, 277: 1, 278: size[1]}
    entries[279] = len(content)
    entries[273] = 8 + 2 + 12 * len(entries) + 4
    header = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    fields = (struct.pack(f"{order}HHII", tag, 4, 1, entries[tag]) for tag in sorted(entries))
    count = struct.pack(f"{order}H", len(entries))
    return header + count + b"".join(fields) + bytes(4) + content


def test_a_cmyk_picture_keeps_its_colors(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.tiff")
    picture = pictures.from_file(tmp_path / "a.tiff").image
    assert (picture.mode, picture.getpixel((4, 4))) == ("RGB", (255, 0, 0))


@pytest.mark.parametrize("name", ["a.png", "a.gif"])
def test_transparent_palette_entries_stay_transparent(tmp_path: Path, name: str) -> None:
    picture = Image.new("P", (4, 2), 0)
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putpixel((3, 1), 1)
    picture.save(tmp_path / name, transparency=0)
    read = pictures.from_file(tmp_path / name).image
    sent = io.BytesIO()
    read.save(sent, "PNG")
    for seen in (pictures.viewable(read), Image.open(sent).convert("RGBA")):
        assert seen.mode == "RGBA"
        alpha = np.asarray(seen.getchannel("A"))
        assert alpha.tolist() == [[0, 0, 0, 0], [0, 0, 0, 255]]
        assert seen.getpixel((3, 1)) == (0, 0, 255, 255)


def test_a_picture_with_too_many_pixels_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("1", (30, 30)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(PictureError, match=r"^a\.png has too many pixels\.$"):
        pictures.from_file(tmp_path / "a.png")


def test_a_large_picture_is_shown_without_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("1", (10, 15)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # the error comes at twice as many
    assert pictures.from_file(tmp_path / "a.png").image.size == (10, 15)


def test_a_picture_outlives_its_file(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    Image.new("L", (4, 4), 7).save(file)
    picture = pictures.from_file(file).image
    file.unlink()
    assert picture.getextrema() == (7, 7)


def test_a_file_that_cannot_be_read_raises_an_error_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"^none\.png cannot be read: No such file"):
        pictures.from_file(tmp_path / "none.png")
    with pytest.raises(PictureError, match=r"cannot be read: Is a directory"):
        pictures.from_file(tmp_path)
    (tmp_path / "text.png").write_text("text")
    with pytest.raises(PictureError, match=r"^text\.png is not a picture in a supported format\.$"):
        pictures.from_file(tmp_path / "text.png")
    Image.effect_noise((50, 50), 9).save(tmp_path / "cut.png")
    content = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(PictureError, match=r"^cut\.png (is damaged|cannot be read: it is damaged)"):
        pictures.from_file(tmp_path / "cut.png")


@pytest.mark.parametrize("name", ["a.gif", "a.tif", "a.png"])
def test_a_picture_that_is_damaged_anywhere_is_shown_or_reported(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    pages = [Image.new("L", (8, 6), shade) for shade in (200, 10)]
    pages[0].save(file, save_all=True, append_images=pages[1:])
    content = file.read_bytes()
    # What Pillow raises for these has no common class, not even among its own errors.
    damaged = [content[:length] for length in range(len(content))]
    damaged += [
        content[:place] + value + content[place + 1 :]
        for place in range(min(len(content), 300))
        for value in (b"\x00", b"\x02", b"\xff")
    ]
    for each in damaged:
        file.write_bytes(each)
        with contextlib.suppress(PictureError):
            pictures.from_file(file)


def test_a_picture_that_does_not_fit_into_memory_has_too_many_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image, "open", fail)
    (tmp_path / "a.png").touch()
    with pytest.raises(PictureError, match=r"^a\.png has too many pixels\.$"):
        pictures.from_file(tmp_path / "a.png")


def test_the_clipboard_gives_its_picture_or_its_first_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageGrab, "grabclipboard", lambda: Image.new("RGB", (3, 4)))
    assert pictures.from_clipboard().image.size == (3, 4)
    Image.new("L", (5, 6)).save(tmp_path / "a.png")
    monkeypatch.setattr(ImageGrab, "grabclipboard", lambda: [str(tmp_path / "a.png")])
    assert pictures.from_clipboard().image.size == (5, 6)
    monkeypatch.setattr(ImageGrab, "grabclipboard", lambda: None)
    with pytest.raises(PictureError, match="no picture in the clipboard"):
        pictures.from_clipboard()


def test_the_error_names_the_missing_clipboard_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise NotImplementedError("wl-paste or xclip is required")

    monkeypatch.setattr(ImageGrab, "grabclipboard", fail)
    with pytest.raises(PictureError, match="install wl-clipboard"):
        pictures.from_clipboard()


@pytest.mark.parametrize(
    "failure", [ChildProcessError("xclip error"), OSError("cannot open clipboard")]
)
def test_a_clipboard_without_access_counts_as_empty(
    monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def fail() -> None:
        raise failure

    monkeypatch.setattr(ImageGrab, "grabclipboard", fail)
    with pytest.raises(PictureError, match=r"^There is no picture in the clipboard\.$"):
        pictures.from_clipboard()


def test_files_in_the_clipboard_that_are_not_pictures_raise_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageGrab, "grabclipboard", list)
    with pytest.raises(PictureError, match="no picture in the clipboard"):
        pictures.from_clipboard()
    monkeypatch.setattr(ImageGrab, "grabclipboard", lambda: [str(tmp_path / "gone.png")])
    with pytest.raises(PictureError, match=r"^gone\.png cannot be read"):
        pictures.from_clipboard()


@pytest.mark.parametrize(
    "failure",
    [
        Image.DecompressionBombError("too many pixels"),
        SyntaxError("broken PNG file"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_a_damaged_picture_in_the_clipboard_raises_an_error(
    monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def fail() -> None:
        raise failure

    monkeypatch.setattr(ImageGrab, "grabclipboard", fail)
    with pytest.raises(PictureError):
        pictures.from_clipboard()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux needs tools for the clipboard")
def test_without_a_display_reading_the_clipboard_raises_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(PictureError):
        pictures.from_clipboard()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PictureError, match="install wl-clipboard"):
        pictures.from_clipboard()


@pytest.mark.parametrize(("name", "count"), [("a.tiff", 3), ("a.gif", 2), ("a.png", 1)])
def test_the_further_pages_of_a_file_are_counted(tmp_path: Path, name: str, count: int) -> None:
    pages = [Image.new("L", (8, 6), 50 * number) for number in range(count)]
    pages[0].save(tmp_path / name, save_all=True, append_images=pages[1:])
    picture = pictures.from_file(tmp_path / name)
    assert picture.unread_pages == count - 1
    assert picture.image.convert("L").getextrema() == (0, 0)
