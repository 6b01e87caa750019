"""Pictures from files and the clipboard."""

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

# How a camera that was held in each way stores what is upright.
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
def test_a_photograph_is_turned_upright(tmp_path: Path, orientation: int) -> None:
    upright = np.zeros((20, 30), np.uint8)
    upright[:10, :15] = 250
    upright[:10, 15:] = 120
    stored, turned = Image.fromarray(upright), STORED[orientation]
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    (stored if turned is None else stored.transpose(turned)).save(
        tmp_path / "a.jpg", exif=exif, quality=100
    )
    picture = pictures.from_file(tmp_path / "a.jpg")
    assert picture.size == (30, 20)
    assert np.abs(np.asarray(picture, np.int16) - upright).max() < 16
    assert picture.getexif().get(ORIENTATION, 1) == 1  # or somebody turns it again


def test_a_photograph_whose_notes_are_broken_is_shown_or_said_to_be_damaged(
    tmp_path: Path,
) -> None:
    notes = b"II*\0\x08\0\0\0" + struct.pack("<H", 2)
    notes += struct.pack("<HHIHH", ORIENTATION, 3, 1, 6, 0)
    notes += struct.pack("<HHI4sI", 0x0100, 2, 4, b"abc", 0)  # a width that is a text
    file = tmp_path / "a.jpg"
    Image.new("L", (30, 20)).save(file, exif=b"Exif\0\0" + notes)
    try:
        assert pictures.from_file(file).size in ((20, 30), (30, 20))
    except PictureError as error:
        assert str(error) == "a.jpg is damaged."  # noqa: PT017 - either will do


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_a_picture_of_any_kind_can_be_sent_and_shown(tmp_path: Path, mode: str) -> None:
    file = tmp_path / "a.tiff"
    Image.new(mode, (8, 6)).save(file)
    picture = pictures.from_file(file)
    picture.save(tmp_path / "b.png")
    assert pictures.viewable(picture).mode in ("L", "RGB", "RGBA")


def test_deep_gray_is_shown_from_its_darkest_to_its_lightest() -> None:
    deep = Image.fromarray(np.array([[1000, 2000], [3000, 1500]], np.uint16))
    assert np.asarray(pictures.viewable(deep)).tolist() == [[0, 127], [255, 63]]
    even = pictures.viewable(Image.new("I;16", (2, 2), 500))
    assert even.getextrema() == (0, 0)


@pytest.mark.parametrize(
    "order",
    [
        "<",
        ">",
    ],
)
def test_deep_gray_keeps_its_shades_in_either_order_of_bytes(tmp_path: Path, order: str) -> None:
    deep = np.linspace(0, 65535, 48).reshape(6, 8)
    mode = "I;16" if order == "<" else "I;16B"
    file = tmp_path / "a.tiff"
    file.write_bytes(_tiff(deep.astype(f"{order}u2").tobytes(), (8, 6), order))
    with Image.open(file) as image:
        assert image.mode == mode
    shown = np.asarray(pictures.viewable(pictures.from_file(file)).convert("L"), np.int16)
    assert np.abs(shown - deep / 257).max() <= 1


def _tiff(content: bytes, size: tuple[int, int], order: str) -> bytes:
    """Return the least TIFF of 16 bit gray, which Pillow itself writes in one order only."""
    entries = {256: size[0], 257: size[1], 258: 16, 259: 1, 262: 1, 273: 0, 277: 1, 278: size[1]}
    entries[279] = len(content)
    entries[273] = 8 + 2 + 12 * len(entries) + 4
    header = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    fields = (struct.pack(f"{order}HHII", tag, 4, 1, entries[tag]) for tag in sorted(entries))
    count = struct.pack(f"{order}H", len(entries))
    return header + count + b"".join(fields) + bytes(4) + content


def test_a_picture_for_print_keeps_its_colours(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.tiff")
    picture = pictures.from_file(tmp_path / "a.tiff")
    assert (picture.mode, picture.getpixel((4, 4))) == ("RGB", (255, 0, 0))


@pytest.mark.parametrize("name", ["a.png", "a.gif"])
def test_what_a_palette_leaves_transparent_stays_so(tmp_path: Path, name: str) -> None:
    picture = Image.new("P", (4, 2), 0)
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putpixel((3, 1), 1)
    picture.save(tmp_path / name, transparency=0)
    read = pictures.from_file(tmp_path / name)
    sent = io.BytesIO()
    read.save(sent, "PNG")
    for seen in (pictures.viewable(read), Image.open(sent).convert("RGBA")):
        assert seen.mode == "RGBA"
        alpha = np.asarray(seen.getchannel("A"))
        assert alpha.tolist() == [[0, 0, 0, 0], [0, 0, 0, 255]]
        assert seen.getpixel((3, 1)) == (0, 0, 255, 255)


def test_a_picture_of_too_many_pixels_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("1", (30, 30)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(PictureError, match=r"^a\.png has too many pixels\.$"):
        pictures.from_file(tmp_path / "a.png")


def test_a_picture_may_be_looked_at_after_its_file_has_gone(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    Image.new("L", (4, 4), 7).save(file)
    picture = pictures.from_file(file)
    file.unlink()
    assert picture.getextrema() == (7, 7)


def test_what_cannot_be_read_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"^none\.png cannot be read: No such file"):
        pictures.from_file(tmp_path / "none.png")
    with pytest.raises(PictureError, match=r"cannot be read: Is a directory"):
        pictures.from_file(tmp_path)
    (tmp_path / "text.png").write_text("text")
    with pytest.raises(PictureError, match=r"^text\.png is no picture"):
        pictures.from_file(tmp_path / "text.png")
    Image.effect_noise((50, 50), 9).save(tmp_path / "cut.png")
    content = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(PictureError, match=r"^cut\.png (is damaged|cannot be read: it is damaged)"):
        pictures.from_file(tmp_path / "cut.png")


def test_the_clipboard_gives_a_picture_or_the_first_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageGrab, "grabclipboard", lambda: Image.new("RGB", (3, 4)))
    assert pictures.from_clipboard().size == (3, 4)
    Image.new("L", (5, 6)).save(tmp_path / "a.png")
    monkeypatch.setattr(ImageGrab, "grabclipboard", lambda: [str(tmp_path / "a.png")])
    assert pictures.from_clipboard().size == (5, 6)
    monkeypatch.setattr(ImageGrab, "grabclipboard", lambda: None)
    with pytest.raises(PictureError, match="no picture in the clipboard"):
        pictures.from_clipboard()


def test_a_system_without_the_tools_says_which_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise NotImplementedError("wl-paste or xclip is required")

    monkeypatch.setattr(ImageGrab, "grabclipboard", none)
    with pytest.raises(PictureError, match="install wl-clipboard"):
        pictures.from_clipboard()


@pytest.mark.parametrize(
    "failure", [ChildProcessError("xclip error"), OSError("cannot open clipboard")]
)
def test_a_clipboard_that_gives_nothing_out_has_no_picture(
    monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def refuse() -> None:
        raise failure

    monkeypatch.setattr(ImageGrab, "grabclipboard", refuse)
    with pytest.raises(PictureError, match=r"^There is no picture in the clipboard\.$"):
        pictures.from_clipboard()


def test_files_in_the_clipboard_that_are_no_pictures_are_said_so(
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
def test_a_broken_picture_in_the_clipboard_is_said_so(
    monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def broken() -> None:
        raise failure

    monkeypatch.setattr(ImageGrab, "grabclipboard", broken)
    with pytest.raises(PictureError):
        pictures.from_clipboard()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems need no tools for it")
def test_without_a_display_the_clipboard_is_said_to_be_out_of_reach(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(PictureError):
        pictures.from_clipboard()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PictureError, match="install wl-clipboard"):
        pictures.from_clipboard()
