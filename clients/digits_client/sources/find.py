"""From what stands on the command line to items, in a stable order."""

import os
from collections.abc import Iterable, Iterator

from . import archives, patterns, remote
from .files import File
from .folders import Folders
from .items import Item
from .selection import EVERYTHING, Selection
from .walk import Tree, Walk

__all__ = ["Selection", "find", "item"]


def find(
    arguments: Iterable[str], selection: Selection = EVERYTHING, *, globs: bool = True
) -> Iterator[Item]:
    """Yield the images that the arguments name.

    Args:
        arguments: Files; folders, which stand for all the files below them but the hidden
            ones, sorted by name; archives, which are folders, too; globs; URLs of any of
            these but archives.
        selection: Which of the files that are found there are meant.
        globs: Whether there are globs among the arguments.

    Yields:
        Items in the order of the arguments. What names nothing, and what cannot be looked
        into, is an item as well: reading it will say so.
    """
    for argument in arguments:
        yield from _found(argument, selection, globs=globs)


def item(path: str) -> Item:
    """Return the one file, member of an archive, or URL that has a path.

    Of an archive's members with the same name it is any. Members are found again fast in
    the archive that was the last one, those of a compressed tar only in its own order.
    """
    if remote.is_url(path):
        return remote.RemoteFile(path)
    inside = archives.split(path)
    if inside and inside.member:
        return archives.NamedMember(inside)
    return File(path)


def is_inside_another(path: str) -> bool:
    """Return whether a path is of no file of its own: of a member of an archive, or a URL."""
    return remote.is_url(path) or archives.split(path) is not None


def containing_file(path: str) -> str:
    """Return the archive that a path leads into, or else the path."""
    inside = archives.split(path)
    return inside.archive if inside else path


def _found(argument: str, selection: Selection, *, globs: bool) -> Iterator[Item]:
    if remote.is_url(argument):
        return _remote(argument, selection, globs=globs)
    folders = Folders(selection.left_out)
    if os.path.isdir(argument):  # noqa: PTH112 - paths stay strings: there may be many
        return Walk(folders, selection).below(argument, patterns.WHOLE_FOLDER)
    if inside := archives.split(argument):
        return _in_archive(inside, Walk(folders, selection), globs=globs)
    if globs and not os.path.lexists(argument) and (glob := patterns.split(argument)):
        return _matching(argument, glob, folders, selection)
    return iter((File(argument),))


def _remote(url: str, selection: Selection, *, globs: bool) -> Iterator[Item]:
    store = remote.Store()
    glob = remote.split(url) if globs else None
    if glob and not store.exists(url):
        return _matching(url, glob, store, selection)
    if store.is_folder(url):
        return Walk(store, selection).below(url, patterns.WHOLE_FOLDER)
    return iter((store.item(url),))


def _matching(
    argument: str, glob: patterns.Glob, tree: Tree, selection: Selection
) -> Iterator[Item]:
    walk = Walk(tree, selection)
    if tree.is_folder(glob.root):
        yield from walk.below(glob.root, patterns.start(glob.pattern))
    if not walk.matched:
        yield tree.item(argument)


def _in_archive(inside: archives.Inside, walk: Walk, *, globs: bool) -> Iterator[Item]:
    if not inside.member:
        yield from walk.within(inside.archive, patterns.WHOLE_FOLDER)
    elif member := archives.member(inside):
        yield member
    else:
        pattern = inside.member if globs else patterns.literal(inside.member)
        yield from walk.within(inside.archive, patterns.start(pattern))
        if not walk.matched:
            yield archives.NamedMember(inside)
