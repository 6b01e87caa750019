"""Find images: files, folders, globs, path lists, archives, and remote stores.

``find`` is the entry point. Each image found is an ``Item``: its path, and a way to read it.
"""

from .archives import is_archive
from .find import containing_file, copy_name, find, is_inside_another, item, with_slashes
from .items import Item, NotAnImageError
from .missing import missing_reason
from .pages import with_pages
from .path_lists import read_paths
from .remote_tree import is_url
from .selection import Selection

__all__ = [
    "Item",
    "NotAnImageError",
    "Selection",
    "containing_file",
    "copy_name",
    "find",
    "is_archive",
    "is_inside_another",
    "is_url",
    "item",
    "missing_reason",
    "read_paths",
    "with_pages",
    "with_slashes",
]
