"""Starts BentoML's own server for ``service.py`` beside it."""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    # A path to the service is read from where it is run.
    os.chdir(Path(__file__).parent)
    bentoml = str(Path(sys.executable).with_name("bentoml"))
    os.execv(
        bentoml,
        [bentoml, "serve", "service:Digits", "--host", "127.0.0.1", "--port", os.environ["PORT"]],
    )
