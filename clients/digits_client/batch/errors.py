"""The errors that end a run like wrong usage does."""


class UsageError(Exception):
    """The command line cannot be followed; the message says why."""


class UnusableFileError(UsageError):
    """A file that the command line names is missing, in the way, or has the wrong content."""


class NothingToDoError(UsageError):
    """A path of the command line names no file, or none of its files is an image."""
