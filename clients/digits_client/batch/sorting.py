"""Sorting images into folders by result: ``7`` or ``2026``, ``unsure`` and ``not_a_digit``."""

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

from digits_client.atomic_file import atomic_write
from digits_client.errors import InvalidImageError
from digits_client.sources import copy_name, is_inside_another, item

from .rows import Row

UNSURE: Final = "unsure"
NOT_A_DIGIT: Final = "not_a_digit"

Mode = Literal["move", "link"]


class SortingError(Exception):
    """An image could not be sorted, and is still at its old path."""


class Sorter:
    """Sorts images into folders, and never overwrites a file.

    Sorting an image a second time, as a resumed run does, changes nothing. Archive members,
    pages and remote images are copied, since they can be neither moved nor linked.
    """

    def __init__(self, folder: Path, mode: Mode, unsure_below: float) -> None:
        """Store the arguments.

        Args:
            folder: The parent of the folders; created if necessary.
            mode: Whether to move images or to create symbolic links to them.
            unsure_below: Digits and numbers with less confidence than this go to UNSURE, and so
                do numbers with a place that is not a digit.
        """
        self._folder = folder
        self._mode = mode
        self._unsure_below = unsure_below

    def place(self, row: Row, limit_bytes: int) -> str | None:
        """Sort an image into its folder; one that failed stays where it is.

        Args:
            row: The row of the image.
            limit_bytes: Maximum size of an image that is copied.

        Returns:
            The new path; None for an image that failed, or whose new path is not known.

        Raises:
            SortingError: The image could not be sorted.
        """
        if row.error is not None:
            return None
        folder = self._folder / self._class(row)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return self._put(row.path, folder, limit_bytes)
        except (OSError, InvalidImageError, ValueError) as error:  # ValueError: a NUL in a name
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise SortingError(f"{row.path} could not be sorted into {folder}: {reason}") from error

    def _class(self, row: Row) -> str:
        if row.text is None:
            return NOT_A_DIGIT
        return row.text if row.is_sure(self._unsure_below) else UNSURE

    def _put(self, path: str, folder: Path, limit_bytes: int) -> str | None:
        if not os.path.lexists(path):
            if is_inside_another(path):
                content = item(path).read(limit_bytes)
                return _copy(content, path, folder, copy_name(path))
            if self._mode == "move":
                return _path_of_earlier_move(path, folder)
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        if os.path.samefile(os.path.dirname(path) or ".", folder):  # noqa: PTH120, PTH121
            return path  # old and new path are the same, so removing the old one would lose it
        if self._mode == "link":
            return _link(path, folder)
        # A link with a relative target would break if it were moved as it is.
        moved = _link(path, folder) if os.path.islink(path) else _move(path, folder)  # noqa: PTH114 - paths stay strings
        os.unlink(path)  # noqa: PTH108
        return moved


def _path_of_earlier_move(path: str, folder: Path) -> str | None:
    """Return the path to which an earlier run moved an image; None if it is not known."""
    plain, *marked = _candidate_names(folder, path)
    return next((name for name in (*reversed(marked), plain) if os.path.lexists(name)), None)


def _link(path: str, folder: Path) -> str:
    target = os.path.relpath(os.path.realpath(path), os.path.realpath(folder))
    for name in _candidate_names(folder, path):
        with contextlib.suppress(FileExistsError):
            os.symlink(target, name)  # noqa: PTH211
            return name
        if os.path.islink(name) and os.readlink(name) == target:  # noqa: PTH114, PTH115
            return name
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _move(path: str, folder: Path) -> str:
    """Give a file a second name, for the caller to remove the first.

    Unlike a rename, a hard link fails if the name is taken.
    """
    for name in _candidate_names(folder, path):
        try:
            os.link(path, name)
        except FileExistsError:
            # lstat does not follow links: a link to the image would dangle after the removal.
            if not os.path.samestat(os.lstat(path), os.lstat(name)):
                continue
        except OSError:  # another file system, or one without hard links
            name = _copy(Path(path).read_bytes(), path, folder)
            shutil.copystat(path, name)
        return name
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _copy(content: bytes, path: str, folder: Path, copy_name: str = "") -> str:
    for name in _candidate_names(folder, path, copy_name):
        try:
            open(name, "xb").close()  # noqa: PTH123 - reserves the name
        except FileExistsError:
            if _has_content(name, content):
                return name
        else:
            _fill(name, content, folder)
            return name
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _has_content(name: str, content: bytes) -> bool:
    status = os.lstat(name)
    is_same_size = stat.S_ISREG(status.st_mode) and status.st_size == len(content)
    return is_same_size and Path(name).read_bytes() == content


def _fill(name: str, content: bytes, folder: Path) -> None:
    """Replace a reserved file by one with the content; remove it if that fails."""
    try:
        # A random name, because the usual one may belong to another file.
        with atomic_write(Path(name), part=folder / f".{secrets.token_hex(8)}.part") as file:
            file.write(content)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _candidate_names(folder: Path, path: str, copy_name: str = "") -> Iterator[str]:
    """Yield the paths that an image may get in a folder: its name, then the name with a digest.

    The digest of the old path always gives the same name, and needs no search for a free number
    among thousands of files of one name.
    """
    name = copy_name or path.rpartition("/")[2]
    stem, ending = os.path.splitext(name)  # noqa: PTH122
    yield f"{folder}/{name}"
    digest = hashlib.blake2b(os.fsencode(os.path.abspath(path)), digest_size=16).hexdigest()  # noqa: PTH100
    for length in (6, len(digest)):
        yield f"{folder}/{stem}-{digest[:length]}{ending}"
