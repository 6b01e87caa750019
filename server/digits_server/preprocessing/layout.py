"""What an image is said to hold, and how much of it is read."""

import enum
from typing import Final

MAX_NUMBER_DIGITS: Final = 32
"""Most digits in a line."""
MAX_PAGE_LINES: Final = 32
"""Most lines of a page."""


class Layout(enum.IntEnum):
    """What an image holds."""

    DIGIT = 1
    """One digit. More are noticed, but not read."""
    NUMBER = 2
    """One line of digits."""
    PAGE = 3
    """Lines of digits."""
