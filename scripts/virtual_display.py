"""A display of Xvfb's, for the tools that open the window."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator


@contextlib.contextmanager
def virtual_display(size: str = "1280x1024") -> Iterator[str]:
    """Give this process a display of its own, and yield its name."""
    program = shutil.which("Xvfb")
    if program is None:
        raise SystemExit("Xvfb is not installed; on Debian: apt-get install xvfb")
    reader, writer = os.pipe()
    with subprocess.Popen(
        [program, "-displayfd", str(writer), "-screen", "0", f"{size}x24", "-nolisten", "tcp"],
        pass_fds=[writer],
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(writer)
        with os.fdopen(reader) as said:
            name = f":{said.readline().strip()}"
        os.environ["DISPLAY"] = name
        try:
            yield name
        finally:
            process.terminate()
