"""From what a person names to images: files, folders, globs, lists, archives, remote stores.

``find`` is the way in. Whatever is found is an ``Item``: a path, and how to read it.
"""

from .archives import is_archive
from .find import containing_file, find, is_inside_another, item
from .items import Item
from .lists import listed
from .remote import is_url
from .selection import Selection

__all__ = [
    "Item",
    "Selection",
    "containing_file",
    "find",
    "is_archive",
    "is_inside_another",
    "is_url",
    "item",
    "listed",
]
