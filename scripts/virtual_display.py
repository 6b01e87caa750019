"""A virtual display (Xvfb) for scripts and tests that open the window."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator


@contextlib.contextmanager
def virtual_display(size: str = "1280x1024") -> Iterator[str]:
    """Start Xvfb, point ``DISPLAY`` at it while the block runs, and yield its name.

    Args:
        size: Width and height in pixels, as ``1280x1024``.
    """
    program = shutil.which("Xvfb")
    if program is None:
        raise SystemExit("Xvfb is not installed; on Debian, run: apt-get install xvfb")
    reader, writer = os.pipe()
    with subprocess.Popen(
        [program, "-displayfd", str(writer), "-screen", "0", f"{size}x24", "-nolisten", "tcp"],
        pass_fds=[writer],
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(writer)
        with os.fdopen(reader) as number:
            name = f":{number.readline().strip()}"
        before = os.environ.get("DISPLAY")
        os.environ["DISPLAY"] = name
        try:
            yield name
        finally:
            if before is None:
                del os.environ["DISPLAY"]
            else:
                os.environ["DISPLAY"] = before
            process.terminate()
