"""What can go wrong in training, evaluation and export, besides the data."""


class TrainingError(Exception):
    """A sentence for the person at the terminal."""
