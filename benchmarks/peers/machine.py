"""What the figures were measured on."""

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import psutil

from benchmarks.machine import cpu_model


def machine() -> dict[str, Any]:
    """Return the processor, cores, memory and kernel; nothing that names the machine."""
    return {
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "h2load": _first_line(["h2load", "--version"]),
        "commit": _first_line(["git", "rev-parse", "HEAD"]),
    }


def _first_line(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
            cwd=Path(__file__).parent,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return (done.stdout.splitlines() or ["unknown"])[0]
