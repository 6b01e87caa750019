"""Images into folders by what was answered: ``0`` to ``9``, ``unsure``, ``not_a_digit``."""

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import stat
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
                return _moved_earlier(path, folder)
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        if os.path.samefile(os.path.dirname(path) or ".", folder):  # noqa: PTH120, PTH121
            return path  # its new name would be its old one, which is then removed
        if self._mode == "link":
            return _link(path, folder)
        # A link with a relative target would lead nowhere from elsewhere.
        moved = _link(path, folder) if os.path.islink(path) else _move(path, folder)  # noqa: PTH114 - paths stay strings
        os.unlink(path)  # noqa: PTH108
        return moved


def _moved_earlier(path: str, folder: Path) -> str | None:
    """Return where an earlier run has put it; None if that is not known."""
    own, *marked = _names(folder, path)
    return next((name for name in (*reversed(marked), own) if os.path.lexists(name)), None)


def _link(path: str, folder: Path) -> str:
    target = os.path.relpath(os.path.realpath(path), os.path.realpath(folder))
    for name in _names(folder, path):
        with contextlib.suppress(FileExistsError):
            os.symlink(target, name)  # noqa: PTH211
            return name
        if os.path.islink(name) and os.readlink(name) == target:  # noqa: PTH114, PTH115
            return name
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _move(path: str, folder: Path) -> str:
    """Give a file a second name, which fails where another has it; the first is then removed."""
    for name in _names(folder, path):
        try:
            os.link(path, name)
        except FileExistsError:
            # Not by way of links: one that leads to the image is lost with it.
            if not os.path.samestat(os.lstat(path), os.lstat(name)):
                continue
        except OSError:  # it is on another disk, or there are no second names on this one
            name = _copy(Path(path).read_bytes(), path, folder)
            shutil.copystat(path, name)
        return name
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _copy(content: bytes, path: str, folder: Path) -> str:
    for name in _names(folder, path):
        try:
            open(name, "xb").close()  # noqa: PTH123 - from now on it is taken
        except FileExistsError:
            if _holds(name, content):
                return name
        else:
            _fill(name, content, folder)
            return name
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _holds(name: str, content: bytes) -> bool:
    found = os.lstat(name)
    is_alike = stat.S_ISREG(found.st_mode) and found.st_size == len(content)
    return is_alike and Path(name).read_bytes() == content


def _fill(name: str, content: bytes, folder: Path) -> None:
    """Give a file its content, all at once; without a file where that fails."""
    part = f"{folder}/.{secrets.token_hex(8)}.part"
    try:
        with open(part, "xb") as file:  # noqa: PTH123
            file.write(content)
        os.replace(part, name)  # noqa: PTH105
    except BaseException:
        for unfinished in (part, name):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(unfinished)  # noqa: PTH108
        raise


def _names(folder: Path, path: str) -> Iterator[str]:
    """Yield the names that a file may have in a folder: its own, else with a mark of its path.

    A number would have to be searched for, among thousands where all are called alike; and the
    same file would not always get the same one.
    """
    name = path.rpartition("/")[2]
    stem, ending = os.path.splitext(name)  # noqa: PTH122
    yield f"{folder}/{name}"
    mark = hashlib.blake2b(os.fsencode(os.path.abspath(path)), digest_size=16).hexdigest()  # noqa: PTH100
    for length in (6, len(mark)):
        yield f"{folder}/{stem}-{mark[:length]}{ending}"
