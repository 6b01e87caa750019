"""Images into folders by what was answered: ``0`` to ``9``, ``unsure``, ``not_a_digit``."""

import contextlib
import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from digits_client.errors import InvalidImageError
from digits_client.sources import is_inside_another, item

from .rows import Row

UNSURE: Final = "unsure"
NOT_A_DIGIT: Final = "not_a_digit"

Mode = Literal["move", "link"]


class SortingError(Exception):
    """An image could not be put where it belongs; it is where it was."""


class Sorter:
    """Puts images into folders, and overwrites nothing.

    To put the same image a second time, as a resumed run does, changes nothing. What is no
    file of its own, a member of an archive or something remote, is copied.
    """

    def __init__(self, folder: Path, mode: Mode, unsure_below: float) -> None:
        """Prepare.

        Args:
            folder: Which gets the folders; made where it is not there.
            mode: Whether to move images or to make symbolic links to them.
            unsure_below: A digit of less confidence goes to UNSURE.
        """
        self._folder = folder
        self._mode = mode
        self._unsure_below = unsure_below

    def place(self, row: Row, limit_bytes: int) -> str | None:
        """Put an image where its answer belongs; one that failed stays where it is.

        Args:
            row: Its row.
            limit_bytes: The most that is copied.

        Returns:
            Where it is now; None for one that failed.

        Raises:
            SortingError: It cannot be put there.
        """
        if row.error is not None:
            return None
        folder = self._folder / self._class(row)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return self._put(row.path, folder, limit_bytes)
        except (OSError, InvalidImageError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise SortingError(f"{row.path} could not be put into {folder}: {reason}") from error

    def _class(self, row: Row) -> str:
        if row.digit is None:
            return NOT_A_DIGIT
        return str(row.digit) if (row.confidence or 0) >= self._unsure_below else UNSURE

    def _put(self, path: str, folder: Path, limit_bytes: int) -> str | None:
        if not os.path.lexists(path):
            if is_inside_another(path):
                return _copy(item(path).read(limit_bytes), path, folder)
            if self._mode == "move":
                return None  # an earlier run has moved it
        if self._mode == "link":
            return _link(path, folder)
        # A link with a relative target would lead nowhere from elsewhere.
        moved = _link(path, folder) if os.path.islink(path) else _move(path, folder)  # noqa: PTH114 - paths stay strings
        os.unlink(path)  # noqa: PTH108
        return moved


def _link(path: str, folder: Path) -> str:
    target = os.path.relpath(os.path.realpath(path), os.path.realpath(folder))
    for name in _names(folder, path):
        with contextlib.suppress(FileExistsError):
            os.symlink(target, name)  # noqa: PTH211
            return name
        if os.path.islink(name) and os.readlink(name) == target:  # noqa: PTH114, PTH115
            return name
    raise AssertionError("there is always another name")


def _move(path: str, folder: Path) -> str:
    """Give a file a second name, which fails where another has it; the first is then removed."""
    for name in _names(folder, path):
        try:
            os.link(path, name)
        except FileExistsError:
            if not os.path.samefile(path, name):  # noqa: PTH121
                continue
        except OSError:  # it is on another disk, or there are no second names on this one
            name = _copy(Path(path).read_bytes(), path, folder)
            shutil.copystat(path, name)
        return name
    raise AssertionError("there is always another name")


def _copy(content: bytes, path: str, folder: Path) -> str:
    for name in _names(folder, path):
        if os.path.lexists(name):
            if os.path.isfile(name) and Path(name).read_bytes() == content:  # noqa: PTH113
                return name
            continue
        part = f"{name}.part"
        with open(part, "wb") as file:  # noqa: PTH123
            file.write(content)
        os.replace(part, name)  # noqa: PTH105
        return name
    raise AssertionError("there is always another name")


def _names(folder: Path, path: str) -> Iterator[str]:
    """Yield the name of a file in a folder, then it with -2, -3 ... before its ending."""
    name = path.rpartition("/")[2]
    stem, ending = os.path.splitext(name)  # noqa: PTH122
    yield f"{folder}/{name}"
    for number in itertools.count(2):
        yield f"{folder}/{stem}-{number}{ending}"
