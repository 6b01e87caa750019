"""A decoding process: reads images from standard input, and writes frames to standard output.

It ends when its input does, and by a signal when an image takes too much time. The server then
starts another.
"""

import contextlib
import io
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import BinaryIO, Final

import cv2
import numpy as np
from PIL import Image

from digits_server.errors import InvalidArgumentError
from digits_server.ops.process_memory import return_free_memory
from digits_server.preprocessing.decode import OR_MEMORY, ImageLimits
from digits_server.preprocessing.framing import EncodedImage, Frames, SourceImage, to_frames
from digits_server.preprocessing.layout import Layout

from .messages import (
    LENGTH_BYTES,
    DecoderSettings,
    pack_frames,
    unpack_images,
    with_length,
)

# Photos leave the cores to small images, which take a millisecond.
_NICENESS: Final = 5
_STATUS: Final = "/proc/self/status"


def main() -> None:
    """Decode until the input ends."""
    settings = DecoderSettings(**json.loads(sys.argv[1]))
    # The server drains at these signals, and needs its decoders meanwhile.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
    responses = _take_stdout()
    cv2.setNumThreads(1)
    decoder = _Decoder(settings)
    decoder.decode([EncodedImage(_small_image())], Layout.DIGIT)  # loads what Pillow loads late
    _limit_memory(settings.memory_bytes)
    while content := _read(sys.stdin.buffer):
        # No names: an error would keep its image alive, by its traceback.
        content = pack_frames(decoder.decode(*unpack_images(content)))
        responses.write(with_length(content))
        responses.flush()
        if decoder.has_failed:
            _start_afresh(responses)


class _Decoder:
    def __init__(self, settings: DecoderSettings) -> None:
        self.has_failed = False
        """Whether memory was refused, after which libraries may keep some for ever."""
        self._settings = settings
        self._limits = ImageLimits(settings.max_bytes, settings.max_pixels)

    def decode(self, images: list[SourceImage], layout: Layout) -> Frames:
        """Return the frames of the first images, as many as the time for a group allows."""
        start = time.process_time()
        done: list[Frames] = []
        for image in images:
            if done and time.process_time() - start > self._settings.group_seconds:
                break
            done.append(self._decode_one(image, layout))
        if time.process_time() - start > self._settings.group_seconds:
            return_free_memory()  # a large image has been decoded
        return Frames.concatenate(done)

    def _decode_one(self, image: SourceImage, layout: Layout) -> Frames:
        _set_timer(self._settings.image_seconds)
        try:
            frames = to_frames([image], self._limits, layout)
            self.has_failed |= any(
                error.reason.endswith(OR_MEMORY) for error in frames.errors.values()
            )
            return frames
        except (MemoryError, cv2.error):
            self.has_failed = True
            megabytes = self._settings.memory_bytes // 2**20
            reason = f"takes more than {megabytes} MB to decode; send it smaller"
            return Frames.invalid(InvalidArgumentError("image", reason))
        finally:
            _set_timer(0)


def _set_timer(cpu_seconds: float) -> None:
    """Let the kernel end this process after so much CPU time; 0 for never."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds)


def _limit_memory(memory_bytes: int) -> None:
    """Limit the memory beyond what this process has now."""
    try:
        import resource

        status = Path(_STATUS).read_text("utf-8")
    except (ImportError, OSError):  # only Linux has both
        return
    now_bytes = next(
        int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmData")
    )
    # Only the soft limit, so that a process that starts afresh can set its own.
    _, hard_limit = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (now_bytes + memory_bytes, hard_limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _small_image() -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.eye(28, dtype=np.uint8) * 255).save(content, "JPEG")
    return content.getvalue()


def _take_stdout() -> BinaryIO:
    """Return standard output for the responses; what libraries print goes nowhere."""
    responses = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    return responses


def _start_afresh(responses: BinaryIO) -> None:
    """Replace this process by a new one that has the same number, pipes and settings.

    Does nothing on Windows, where the new process would have another number.
    """
    if sys.platform == "win32":
        return
    os.dup2(responses.fileno(), 1)
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - the same command


def _read(file: BinaryIO) -> bytes:
    """Return the content of the next message; empty at the end."""
    length = file.read(LENGTH_BYTES)
    return file.read(int.from_bytes(length, "big")) if length else b""


if __name__ == "__main__":
    main()
