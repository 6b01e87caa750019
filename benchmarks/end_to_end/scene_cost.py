"""Measure what scenes and numbers of each kind cost, against a digit on a plain canvas of 300 px.

    python -m benchmarks.end_to_end.scene_cost

Draws digits on plain canvases and in scenes, and numbers of four digits, sends each as a file to a
private server, one after the other, and takes the shortest of several calls for each image. The
kinds take turns, so that a busy moment of the machine meets all of them.
"""

import io
import time
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits_client.client import Client
from digits_client.embedded import embedded_server
from digits_server.preprocessing.decode import ImageLimits
from digits_server.preprocessing.framing import EncodedImage, to_frames
from digits_server.preprocessing.layout import Layout
from digits_server.settings import Settings
from digits_training import scenes
from digits_training.canvases import draw_strokes_as_written
from digits_training.scenes.numbers import NUMBER_KINDS, draw_number
from digits_training.stroke_templates import write_digit

IMAGES_PER_KIND: Final = 40
ROUNDS: Final = 10
SEED: Final = 6
CANVAS: Final = "canvas"
NUMBER: Final = "number, "
"""Start of the kinds of numbers."""
DIGITS_PER_NUMBER: Final = 4


def draw_files(kind: str) -> list[bytes]:
    """Return the images of a kind as files."""
    random = np.random.default_rng(SEED)
    if kind.startswith(NUMBER):
        return [_draw_number(kind.removeprefix(NUMBER), random) for _ in range(IMAGES_PER_KIND)]
    digits = [0 if kind == "slashed" else index % 10 for index in range(IMAGES_PER_KIND)]
    return [_draw_file(kind, digit, random) for digit in digits]


def _draw_file(kind: str, digit: int, random: np.random.Generator) -> bytes:
    strokes = write_digit(digit, random)
    if kind != CANVAS:
        return scenes.encode(scenes.draw_scene(kind, strokes, random), random)
    return _encode(draw_strokes_as_written(strokes, random))


def _draw_number(kind: str, random: np.random.Generator) -> bytes:
    digits = random.integers(10, size=DIGITS_PER_NUMBER).tolist()
    return _encode(draw_number(kind, [write_digit(each, random) for each in digits], random).pixels)


def _encode(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def measure(client: Client, files: dict[str, list[bytes]]) -> dict[str, list[float]]:
    """Return the shortest time of each image of each kind, in seconds."""
    shortest = {kind: [float("inf")] * len(images) for kind, images in files.items()}
    for _ in range(ROUNDS):
        for kind, images in files.items():
            call = client.recognize_number if kind.startswith(NUMBER) else client.recognize
            for index, image in enumerate(images):
                start = time.perf_counter()
                call(image)
                seconds = time.perf_counter() - start
                shortest[kind][index] = min(shortest[kind][index], seconds)
    return shortest


def table(files: dict[str, list[bytes]], times: dict[str, list[float]]) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    canvas = np.mean(times[CANVAS])
    limits = ImageLimits(Settings.max_image_bytes, Settings.max_image_pixels)
    yield "| kind | frames | strips | ms | times a canvas | at most |"
    yield "|---|---|---|---|---|---|"
    for kind, images in files.items():
        layout = Layout.NUMBER if kind.startswith(NUMBER) else Layout.DIGIT
        frames = to_frames([EncodedImage(image) for image in images], limits, layout)
        frame_count, strip_count = (
            len(each) / len(images) for each in (frames.pixels, frames.lines)
        )
        mean, most = np.mean(times[kind]), np.max(times[kind])
        ratios = f"{mean / canvas:.1f} | {most / canvas:.1f}"
        yield f"| {kind} | {frame_count:.1f} | {strip_count:.1f} | {mean * 1000:.1f} | {ratios} |"


def main() -> None:
    """Measure all kinds and print a table in Markdown."""
    numbers = [NUMBER + kind for kind in NUMBER_KINDS]
    files = {kind: draw_files(kind) for kind in (CANVAS, *scenes.SCENE_KINDS, *numbers)}
    with embedded_server() as address, Client(address) as client:
        times = measure(client, files)
    print("\n".join(table(files, times)))


if __name__ == "__main__":
    main()
