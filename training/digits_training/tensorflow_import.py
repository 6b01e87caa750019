"""The import of TensorFlow, without the messages that it writes."""

import contextlib
import logging
import os
from typing import Final

from digits.extras import require
from digits_server.native_output import discard_native_output

LOG_LEVEL_VARIABLE: Final = "TF_CPP_MIN_LOG_LEVEL"
"""TensorFlow's setting; a user who sets it sees everything that TensorFlow writes."""

logger = logging.getLogger(__name__)


def import_tensorflow() -> None:
    """Import TensorFlow and Keras, and limit their logs to errors.

    If the environment sets TF_CPP_MIN_LOG_LEVEL, they write what they do by themselves.

    Raises:
        MissingExtraError: TensorFlow, or another package of the extra, is not installed.
    """
    require("train")
    logger.info("Loading TensorFlow")
    shows_log = LOG_LEVEL_VARIABLE in os.environ
    os.environ.setdefault(LOG_LEVEL_VARIABLE, "2")
    with contextlib.nullcontext() if shows_log else discard_native_output():
        import keras  # noqa: F401
        import tensorflow  # noqa: F401
    if not shows_log:
        for name in ("absl", "tensorflow"):
            logging.getLogger(name).setLevel(logging.ERROR)
