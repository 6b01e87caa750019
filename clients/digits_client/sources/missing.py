"""Reasons why a path names nothing at all."""

import os

from . import archives, glob_match, remote_tree
from .archives import NamedMember
from .files import File
from .find import find, with_slashes
from .image_file import ImageFile
from .items import Item
from .pages import split_page
from .selection import Selection


def missing_reason(path: str, selection: Selection) -> str | None:
    """Return why a path on the command line names no file, as the rest of a sentence.

    Only as much is listed as it takes to find the first file. A URL is not looked up: its
    failure may be temporary.

    Args:
        path: The path, as ``find`` takes it.
        selection: Which of the files found in folders, in archives and by globs are taken.

    Returns:
        The reason; None if there is a file, which may still turn out to be unreadable.
    """
    if remote_tree.is_url(path):
        return None
    path = with_slashes(path)
    if page := split_page(path):
        path = path if os.path.lexists(path) else page.file
    first = next(find([path], selection), None)
    if first is None:
        if selection.include or selection.exclude:
            return "has no file that --include and --exclude let through"
        kind = "archive" if archives.is_archive(path) else "folder"
        return f"is an empty {kind}" if os.path.lexists(path) else "matches only empty folders"
    if not _is_missing(first, path):
        return None
    return "matches no file" if glob_match.split(path) else "does not exist"


def _is_missing(first: Item, path: str) -> bool:
    """Return whether an item only stands for a path of which nothing was found."""
    if not isinstance(first, ImageFile):
        return False
    if isinstance(first.file, File):
        return first.path == path and not os.path.lexists(path)
    return isinstance(first.file, NamedMember)
