"""The child process that runs a model for the first time; see ``sandbox``.

python -m digits_server.models TEMPERATURE < MODELS

Exits with 0 if the model passes the self-test; else prints the reason.
"""

import sys

import cv2

from digits_server.errors import ModelError

from .registry import tested_engines
from .sandbox import enter_sandbox, unpack_models


def main(temperature: float) -> int:
    """Run the networks on standard input, and return the exit status."""
    content, line_content = unpack_models(sys.stdin.buffer.read())
    cv2.setNumThreads(1)  # the stacks of OpenCV's threads would count as the model's memory
    enter_sandbox()
    try:
        tested_engines(content, line_content, temperature, 1)
    except ModelError as error:
        print(error)  # noqa: T201 - the server reads it
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
