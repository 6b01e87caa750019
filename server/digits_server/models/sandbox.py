"""A child process in which a model is run for the first time, with limits of time and memory.

A malformed model can end the process that runs it, or take any time and memory. The process
runs ``python -m digits_server.models``.
"""

import asyncio
import contextlib
import mmap
import os
import signal
import sys
import time
from pathlib import Path
from typing import Final

from digits_server.ops.process_group import own_group

from .registry import Candidate

# The shipped model takes 0.05 s and less than 12 MB.
MAX_CPU_SECONDS: Final = 2
MAX_MEMORY_BYTES: Final = 2**26
# Generous, because other processes may keep all cores busy.
MAX_SECONDS: Final = 30
_MAX_REASON_BYTES: Final = 2**12
_LENGTH_BYTES: Final = 4


async def run_in_sandbox(candidate: Candidate) -> None:
    """Load and self-test a model in a child process, which is killed on cancellation.

    Takes about 0.3 s, and at most ``MAX_SECONDS``.

    Raises:
        ModelError: The model failed, or reached a limit.
        OSError: The process cannot be started.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "digits_server.models", repr(candidate.manifest.temperature)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},  # more threads only take time to start
        **own_group(),
    )
    try:
        async with asyncio.timeout(MAX_SECONDS):
            output, _ = await process.communicate(
                pack_models(candidate.content, candidate.line_content)
            )
    except TimeoutError:
        raise candidate.error(f"it was not loaded and tested within {MAX_SECONDS} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        reason = output[:_MAX_REASON_BYTES].decode(errors="replace").strip()
        raise candidate.error(reason or _describe_exit(process.returncode))


def pack_models(content: bytes, line_content: bytes | None) -> bytes:
    """Return what the child process reads: both networks, and first the length of the first."""
    return len(content).to_bytes(_LENGTH_BYTES, "big") + content + (line_content or b"")


def unpack_models(packed: bytes) -> tuple[bytes, bytes | None]:
    """Return what ``pack_models`` packed."""
    end = _LENGTH_BYTES + int.from_bytes(packed[:_LENGTH_BYTES], "big")
    return packed[_LENGTH_BYTES:end], packed[end:] or None


def enter_sandbox() -> None:
    """Limit what this process may use from now on, and silence native code.

    Systems other than Linux have no limit of memory, and Windows none of CPU time.
    """
    if hasattr(signal, "alarm"):
        signal.alarm(MAX_SECONDS)  # in case the server dies
    for number in (signal.SIGTERM, signal.SIGINT):  # sent to all processes of a service
        signal.signal(number, signal.SIG_IGN)
    _limit("RLIMIT_CORE", 0)
    _limit("RLIMIT_CPU", int(time.process_time()) + 1 + MAX_CPU_SECONDS)
    with contextlib.suppress(OSError):
        # If memory runs out, the kernel is to end this process and not the server.
        Path("/proc/self/oom_score_adj").write_text("1000", "utf-8")
    with contextlib.suppress(OSError):
        used_pages = int(Path("/proc/self/statm").read_text("utf-8").split()[5])
        _limit("RLIMIT_DATA", used_pages * mmap.PAGESIZE + MAX_MEMORY_BYTES)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _limit(name: str, value: int) -> None:
    """Set a limit by the name of its constant, where the system has it."""
    try:
        import resource
    except ImportError:  # Windows
        return
    kind = getattr(resource, name)
    _, hard_limit = resource.getrlimit(kind)
    if hard_limit != resource.RLIM_INFINITY:
        value = min(value, hard_limit)
    resource.setrlimit(kind, (value, hard_limit))


def _describe_exit(status: int) -> str:
    if status == -getattr(signal, "SIGXCPU", 0):
        return f"it takes more than {MAX_CPU_SECONDS} s of CPU time to load and self-test"
    if status < 0:
        return f"it ends the process that runs it with {signal.Signals(-status).name}"
    return f"it ends the process that runs it with status {status}"
