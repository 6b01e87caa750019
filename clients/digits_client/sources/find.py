"""Turn the paths that a person names into items, in a stable order."""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Final

from . import archives, glob_match, remote_tree
from .archives import ArchivePath
from .files import File
from .image_file import ImageFile
from .items import Item, UnreadableItem
from .kinds import unread_kind
from .local_tree import LocalTree
from .pages import Page, split_page
from .selection import EVERYTHING, Selection
from .walk import Tree, Walk

__all__ = ["Selection", "find", "item"]

_REFUSED_BY_WINDOWS: Final = re.compile(r'[\x00-\x1f"*:<>?\\|]')


def find(
    arguments: Iterable[str], selection: Selection = EVERYTHING, *, globs: bool = True
) -> Iterator[Item]:
    """Yield the images that the arguments name.

    Args:
        arguments: Files; folders, which stand for all files below them except hidden ones,
            sorted by name; archives, which are treated as folders; globs; URLs of files,
            folders and globs.
        selection: Which of the files found in folders, archives and by globs are taken.
        globs: Whether an argument may be a glob.

    Yields:
        Items in the order of the arguments. An argument that names nothing, and a folder or
        archive that cannot be listed, is an item too: reading it raises the reason.
    """
    for argument in arguments:
        yield from _find(with_slashes(argument), selection, globs=globs)


def item(path: str) -> Item:
    """Return the single file, archive member, URL or page with a path, as ``find`` shows it.

    If an archive has several members with the same name, any of them is returned. Finding
    members is fast in the archive used last; in a compressed tar, only in the tar's order.
    """
    return _page(path) or ImageFile(_file(path))


def _page(path: str) -> Page | None:
    """Return the page with a path; None for another path, and for a file of exactly this name."""
    page = split_page(path)
    if page is None or os.path.lexists(path):
        return None
    return Page(_file(page.file), page.number)


def _file(path: str) -> Item:
    if remote_tree.is_url(path):
        return remote_tree.RemoteFile(path)
    inside = archives.split(path)
    if inside and inside.member:
        return archives.NamedMember(inside)
    return File(path)


def is_inside_another(path: str) -> bool:
    """Return whether a path is not a local file, but an archive member, a URL or a page."""
    is_page = _page(path) is not None
    return is_page or remote_tree.is_url(path) or archives.split(path) is not None


def containing_file(path: str) -> str:
    """Return the file that contains a page or an archive member, or the path of another file."""
    if page := _page(path):
        path = page.file.path
    inside = archives.split(path)
    return inside.archive if inside else path


def copy_name(path: str) -> str:
    """Return the name for a copy of what ``item(path).read`` returns, which may be a PNG file."""
    name = path.rpartition("/")[2]
    if sys.platform == "win32":  # members and URLs may have any name
        name = _REFUSED_BY_WINDOWS.sub("_", name)
    if _page(path):
        return f"{name}.png"
    return f"{name}.png" if unread_kind(name) == "HEIC" else name


def with_slashes(path: str) -> str:
    r"""Return a path as rows show it, on Windows too: ``C:/scans`` for ``C:\scans``."""
    return path.replace(os.sep, "/")


def _find(argument: str, selection: Selection, *, globs: bool) -> Iterator[Item]:
    if page := _page(argument):
        return iter((page,))
    if remote_tree.is_url(argument):
        return _find_remote(argument, selection, globs=globs)
    tree = LocalTree(selection.excluded_paths)
    if os.path.isdir(argument):  # noqa: PTH112 - paths stay strings: there may be many
        return Walk(tree, selection).walk_folder(argument, glob_match.WHOLE_FOLDER)
    if inside := archives.split(argument):
        return _find_in_archive(inside, Walk(tree, selection), globs=globs)
    if globs and not os.path.lexists(argument) and (glob := glob_match.split(argument)):
        return _find_matches(argument, glob, tree, selection)
    return iter((ImageFile(File(argument)),))


def _find_remote(url: str, selection: Selection, *, globs: bool) -> Iterator[Item]:
    tree = remote_tree.RemoteTree()
    glob = remote_tree.split(url) if globs else None
    if glob and not tree.exists(url):
        return _find_matches(url, glob, tree, selection)
    if tree.is_folder(url):
        return Walk(tree, selection).walk_folder(url, glob_match.WHOLE_FOLDER)
    return iter((ImageFile(tree.item(url)),))


def _find_matches(
    argument: str, glob: glob_match.Glob, tree: Tree, selection: Selection
) -> Iterator[Item]:
    walk = Walk(tree, selection)
    if tree.is_folder(glob.root):
        yield from walk.walk_folder(glob.root, glob_match.initial_state(glob.pattern))
    if not walk.has_matched:
        yield ImageFile(tree.item(argument))


def _find_in_archive(inside: ArchivePath, walk: Walk, *, globs: bool) -> Iterator[Item]:
    if not inside.member:
        yield from walk.walk_archive(inside.archive, glob_match.WHOLE_FOLDER)
    elif member := archives.find_member(inside):
        yield member if isinstance(member, UnreadableItem) else ImageFile(member)
    else:
        pattern = inside.member if globs else glob_match.escape(inside.member)
        yield from walk.walk_archive(inside.archive, glob_match.initial_state(pattern))
        if not walk.has_matched:
            yield ImageFile(archives.NamedMember(inside))
