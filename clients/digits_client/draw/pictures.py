"""Pictures from files and the clipboard, shown in place of a drawing. Does not use Tk."""

import contextlib
import io
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageGrab, ImageOps, UnidentifiedImageError

_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


class PictureError(Exception):
    """No picture could be loaded; ``str(error)`` is a sentence that can be shown to the user."""


class Picture(NamedTuple):
    """A picture to show."""

    image: Image.Image
    """The picture upright, completely read, and in a mode that PNG can store."""
    unread_pages: int = 0
    """The number of further pages or frames of the file, which are not shown."""


def from_file(path: str | os.PathLike[str]) -> Picture:
    """Return the picture in a file, the first of several.

    Raises:
        PictureError: The file cannot be read, or is not a picture.
    """
    with _picture_errors(Path(path).name):
        picture = Image.open(io.BytesIO(Path(path).read_bytes()))
        image = _prepare(picture)
        return Picture(image, getattr(picture, "n_frames", 1) - 1)


def from_clipboard() -> Picture:
    """Return the picture in the clipboard, or the picture in the first file named there.

    Raises:
        PictureError: The clipboard holds no picture, or this system gives no access to it.
    """
    with _picture_errors("The clipboard content"):
        content = _clipboard_content()
        if isinstance(content, Image.Image):
            return Picture(_prepare(content))
    if content:
        return from_file(content[0])
    raise PictureError("There is no picture in the clipboard.")


def viewable(picture: Image.Image) -> Image.Image:
    """Return a picture with 8 bits per channel; 16-bit gray is stretched to the full range."""
    if picture.mode.startswith(("I", "F")):
        deep = picture.convert("F")
        low, high = deep.getextrema()
        scale = 255 / (high - low) if high > low else 1.0  # type: ignore[operator]  # floats, since there is one band
        return deep.point(lambda value: value * scale - low * scale).convert("L")  # type: ignore[operator]
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


@contextlib.contextmanager
def _picture_errors(name: str) -> Iterator[None]:
    """Raise PictureError, with the name of the picture, for everything that Pillow raises.

    What it only warns of is ignored: the picture is shown, or an error follows.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    except PictureError:
        raise
    except (Image.DecompressionBombError, MemoryError) as error:
        raise PictureError(f"{name} has too many pixels.") from error
    except UnidentifiedImageError as error:
        raise PictureError(f"{name} is not a picture in a supported format.") from error
    except OSError as error:
        reason = error.strerror or "it is damaged"
        raise PictureError(f"{name} cannot be read: {reason}.") from error
    except Exception as error:  # for damaged content, Pillow raises errors of any kind
        raise PictureError(f"{name} is damaged.") from error


def _clipboard_content() -> Image.Image | list[str] | None:
    """Return a picture, the paths of files, or None for anything else."""
    try:
        return ImageGrab.grabclipboard()
    except NotImplementedError as error:
        raise PictureError(
            "The clipboard cannot be read: install wl-clipboard (Wayland) or xclip (X11)."
        ) from error
    except (OSError, ChildProcessError) as error:
        raise PictureError("There is no picture in the clipboard.") from error


def _prepare(picture: Image.Image) -> Image.Image:
    """Return a picture upright, completely read, and in a mode that PNG can store."""
    upright = ImageOps.exif_transpose(picture)
    if upright.mode in _PNG_MODES:
        return upright
    if upright.mode.startswith(("I", "F")):
        return viewable(upright)
    return upright.convert("RGBA" if upright.has_transparency_data else "RGB")
