"""Counts in sentences."""


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """Return a count with its noun: ``1 image``, ``2,000 images``.

    Args:
        count: The count.
        singular: The noun for one.
        plural: The noun for none and for several; with an s by default.
    """
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"
