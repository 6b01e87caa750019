"""Recognize digits in every accepted format with a private server, before an image is shipped.

    python3 check_image.py

The build of the server's image runs it, with the packages of the image. Exits with 0 if the server
starts and reads every digit.
"""

import io
import sys
from collections.abc import Iterator

from PIL import Image

from digits_client import Client
from digits_client.embedded import embedded_server
from digits_server.models.registry import SELF_TEST_IMAGES
from digits_server.preprocessing.decode import FORMATS

TIMEOUT_SECONDS = 60
_DEEP = "PNG of 16 bits"


def encode(gray: Image.Image, kind: str) -> bytes:
    """Return a gray image as a file of a format."""
    file = io.BytesIO()
    if kind == _DEEP:
        gray.convert("I;16").point(lambda level: level * 256).save(file, "PNG")
    else:
        gray.save(file, kind)
    return file.getvalue()


def misread(client: Client) -> Iterator[str]:
    """Yield what was not recognized."""
    for path in sorted(SELF_TEST_IMAGES.glob("*.png")):
        with Image.open(path) as image:
            gray = image.convert("L")
        for kind in (*FORMATS, _DEEP):
            prediction = client.recognize(encode(gray, kind))
            if str(prediction.digit) != path.stem:
                yield f"{path.stem} as {kind} is read as {prediction}"


def main() -> None:
    """Run the check."""
    # A build may run on a busy machine.
    with (
        embedded_server() as address,
        Client(address, timeout_seconds=TIMEOUT_SECONDS) as client,
    ):
        problems = list(misread(client))
    sys.exit("\n".join(problems) or 0)


if __name__ == "__main__":
    main()
