"""Marks of tests that need what a system lacks, or what ``features.py`` has taken away."""

import importlib.util
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

HAS_TK = importlib.util.find_spec("_tkinter") is not None


def _project_can(code: str) -> bool:
    """Return whether code runs in one of the project's packages."""
    try:
        exec(code, {"__name__": "digits"})
    except (ImportError, OSError):
        return False
    return True


def _mark(has_it: bool, name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not has_it, reason=f"this system has no {name}")


locks = _mark(_project_can("import fcntl"), "locks of files")
resource_limits = _mark(_project_can("import resource"), "limits of processes")
cpu_limits = _mark(
    _project_can("import resource") and hasattr(signal, "SIGXCPU"), "limits of CPU time"
)
memory_limits = _mark(
    _project_can("import resource; open('/proc/self/status').close()"), "limits of memory"
)
proc_statm = _mark(_project_can("open('/proc/self/statm').close()"), "/proc/self/statm")
proc = _mark(Path("/proc/self/fd").exists(), "/proc")
timers = _mark(hasattr(signal, "setitimer"), "timers of CPU time")
signals = _mark(hasattr(signal, "SIGKILL"), "signals of POSIX")
process_groups = _mark(hasattr(os, "getpgid"), "process groups")
open_flags = _mark(hasattr(os, "O_NOFOLLOW"), "O_NOFOLLOW")
shared_ports = _mark(
    sys.platform == "linux" and hasattr(socket, "SO_REUSEPORT"), "ports that processes share"
)
unix_sockets = _mark(hasattr(socket, "AF_UNIX"), "Unix sockets")
terminals = _mark(importlib.util.find_spec("termios") is not None, "pseudo-terminals")
