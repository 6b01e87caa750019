"""Files that get their name only once they are complete.

Nobody who opens such a file sees half of it: it is written under another name in the same
folder and renamed at the end, which replaces an earlier file in one step.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path


def part_path(path: Path) -> Path:
    """Return where a file is written until it is complete: ``<name>.part`` in its folder."""
    return path.with_name(path.name + ".part")


@contextlib.contextmanager
def atomic_write(path: Path, *, part: Path | None = None) -> Iterator[Path]:
    """Yield the path to write to, and rename that file to ``path`` when the block ends.

    If the block raises, the unfinished file is removed and ``path`` stays as it was. The file
    has to be closed when the block ends. It is not synced to the disk.

    Args:
        path: The file to create or replace.
        part: The path to write to, on the same file system; ``part_path(path)`` by default.

    Raises:
        OSError: The file cannot be renamed.
    """
    part = part or part_path(path)
    try:
        yield part
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
