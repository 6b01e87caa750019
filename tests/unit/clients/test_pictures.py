"""Pictures from files and the clipboard."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageGrab

from digits_client.draw import pictures
from digits_client.draw.pictures import PictureError


def test_a_photograph_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new("L", (30, 20)).save(tmp_path / "a.jpg", exif=exif)
    assert pictures.from_file(tmp_path / "a.jpg").size == (20, 30)


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


def test_what_cannot_be_read_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"^none\.png cannot be read: No such file"):
        pictures.from_file(tmp_path / "none.png")
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
