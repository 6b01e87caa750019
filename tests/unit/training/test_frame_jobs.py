"""Work that is shared by several processes."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import os, threading
from digits_training import frame_jobs

def wait(item, random):
    os.write(1, b"started\\n")  # in one piece, because the processes share the pipe
    threading.Event().wait()

if __name__ == "__main__":
    frame_jobs._ITEMS_PER_JOB = 1
    try:
        frame_jobs.run_jobs(wait, [1, 2, 3], seed=1)
    except KeyboardInterrupt:
        print("interrupted")
"""


def test_an_interrupt_ends_all_processes_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    with subprocess.Popen(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            # Every process has started, so none is interrupted while it imports.
            for _ in range(min(3, os.cpu_count() or 1)):
                assert process.stdout.readline() == "started\n"
            os.killpg(process.pid, signal.SIGINT)
            assert process.communicate(timeout=60) == ("interrupted\n", "")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
