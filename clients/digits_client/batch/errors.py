"""The error that ends a run like wrong usage does."""


class UnusableFileError(Exception):
    """A file that the command line names is missing, in the way, or has the wrong content."""
