"""What ends a run before it has begun, as wrong usage does."""


class UnusableFileError(Exception):
    """A file that the command line names is there, or is not, or holds something else."""
