"""Errors of training, evaluation and export; ``datasets`` defines the data sets' own."""


class TrainingError(Exception):
    """A command failed; the message is one sentence for the user."""


class UsageError(TrainingError):
    """A path that was named does not exist, or does not hold what it should."""
