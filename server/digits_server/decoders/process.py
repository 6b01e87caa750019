"""A decoding process from the server's view."""

import asyncio
import contextlib
import dataclasses
import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final, Literal, Self

from digits_server.ops.process_group import own_group
from digits_server.preprocessing.framing import Frames, SourceImage
from digits_server.preprocessing.layout import Layout

from .messages import (
    LENGTH_BYTES,
    DecoderSettings,
    pack_images,
    unpack_frames,
    with_length,
)

# One thread each: libraries would otherwise start one for each core, and reserve memory for it. And
# glibc returns the memory of a large image as soon as it is freed.
_ENVIRONMENT: Final = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(2**17),
}
# A process that makes no progress for so long is stopped or hangs. CPU time is limited far lower.
_HUNG_SECONDS: Final = 20.0
_MAX_RESPONSE_BYTES: Final = 2**24

Cause = Literal["time", "hung", "crashed"]


class DecoderEndedError(Exception):
    """A decoding process ended before it responded."""

    def __init__(self, cause: Cause, detail: str) -> None:
        """Describe how it ended.

        Args:
            cause: It took too much CPU time, made no progress, or crashed.
            detail: More about it, for the log.
        """
        super().__init__(f"a decoding process ended: {detail}")
        self.cause: Cause = cause


class DecoderProcess:
    """A running decoding process. It handles one request at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, settings: DecoderSettings) -> Self:
        """Start a process.

        Raises:
            OSError: The system is out of memory, or has too many processes.
        """
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "digits_server.decoders"),
            json.dumps(dataclasses.asdict(settings)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | _ENVIRONMENT,
            **own_group(),
        )
        return cls(process)

    async def decode(self, images: Sequence[SourceImage], layout: Layout) -> Frames:
        """Return the frames of the first images: of at least one, if the process is well.

        Raises:
            DecoderEndedError: The process ended, or was ended because it hung.
        """
        assert self._process.stdin and self._process.stdout  # noqa: S101, PT018 - pipes
        try:
            async with asyncio.timeout(_HUNG_SECONDS):
                self._process.stdin.write(with_length(pack_images(images, layout)))
                await self._process.stdin.drain()
                header = await self._process.stdout.readexactly(LENGTH_BYTES)
                length = min(int.from_bytes(header, "big"), _MAX_RESPONSE_BYTES)
                content = await self._process.stdout.readexactly(length)
            return unpack_frames(content)
        except TimeoutError:
            await self.end()
            raise DecoderEndedError("hung", "it hung") from None
        except (OSError, EOFError):
            status = await self._process.wait()
            await self.end()
            raise _ended_error(status) from None
        except (ValueError, TypeError, LookupError, OverflowError):
            await self.end()
            raise DecoderEndedError("crashed", "its response was invalid") from None

    async def end(self) -> None:
        """End the process at once, and close its pipes."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.communicate()


def _ended_error(status: int) -> DecoderEndedError:
    if status == -getattr(signal, "SIGPROF", 0):
        return DecoderEndedError("time", "an image took too much time")
    detail = signal.Signals(-status).name if status < 0 else f"status {status}"
    return DecoderEndedError("crashed", detail)
