"""Pictures from files and from the clipboard, in place of a drawing. Knows no window."""

import contextlib
import io
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageGrab, ImageOps, UnidentifiedImageError

_SENT_AS_THEY_ARE = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


class PictureError(Exception):
    """There is no picture to be had; the message is a sentence."""


def from_file(path: str | os.PathLike[str]) -> Image.Image:
    """Return the picture in a file, upright.

    Raises:
        PictureError: The file cannot be read, or is no picture.
    """
    with _errors_told_of(Path(path).name):
        return _ready(Image.open(io.BytesIO(Path(path).read_bytes())))


@contextlib.contextmanager
def _errors_told_of(name: str) -> Iterator[None]:
    try:
        yield
    except Image.DecompressionBombError as error:
        raise PictureError(f"{name} has too many pixels.") from error
    except UnidentifiedImageError as error:
        raise PictureError(f"{name} is no picture that can be read.") from error
    except OSError as error:
        reason = error.strerror or "it is damaged"
        raise PictureError(f"{name} cannot be read: {reason}.") from error
    except (SyntaxError, ValueError, struct.error) as error:  # Pillow's, for broken content
        raise PictureError(f"{name} is damaged.") from error


def from_clipboard() -> Image.Image:
    """Return the picture, or the first picture file, in the clipboard.

    Raises:
        PictureError: There is none, or this system gives none out.
    """
    with _errors_told_of("What is in the clipboard"):
        found = _grabbed()
        if isinstance(found, Image.Image):
            return _ready(found)
    if found:
        return from_file(found[0])
    raise PictureError("There is no picture in the clipboard.")


def _grabbed() -> Image.Image | list[str] | None:
    try:
        return ImageGrab.grabclipboard()
    except NotImplementedError as error:
        raise PictureError(
            "The clipboard cannot be read: install wl-clipboard (Wayland) or xclip (X11)."
        ) from error
    except (OSError, ChildProcessError) as error:
        raise PictureError("There is no picture in the clipboard.") from error


def _ready(picture: Image.Image) -> Image.Image:
    """Return a picture upright, read to its end, and of a kind that can be sent."""
    upright = ImageOps.exif_transpose(picture)
    if upright.mode in _SENT_AS_THEY_ARE:
        return upright
    if upright.mode.startswith(("I", "F")):
        return viewable(upright)
    return upright.convert("RGBA" if upright.has_transparency_data else "RGB")


def viewable(picture: Image.Image) -> Image.Image:
    """Return a picture in 8 bits a channel: deep gray from its darkest to its lightest."""
    if picture.mode.startswith(("I", "F")):
        deep = picture.convert("F")
        low, high = deep.getextrema()
        scale = 255 / (high - low) if high > low else 1.0  # type: ignore[operator]  # of one band, floats
        return deep.point(lambda value: value * scale - low * scale).convert("L")  # type: ignore[operator]
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")
