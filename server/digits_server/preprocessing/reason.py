"""Reasons why an image is not classified as a digit."""

import enum


class Reason(enum.IntEnum):
    """Why the verdict is NOT_A_DIGIT."""

    UNSPECIFIED = 0
    """The verdict is another one."""
    NO_DIGIT = 1
    """The ink does not look like a digit."""
    TOO_SMALL = 2
    """The ink is too small to read."""
    TOO_FAINT = 3
    """The ink is too faint to read."""
    SEVERAL_DIGITS = 4
    """The image holds several digits."""
