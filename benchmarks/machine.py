"""What figures were measured on: the processor, the kernel, and the versions."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

PACKAGES: Final = ("digits", "grpcio", "protobuf", "numpy", "ai-edge-litert", "pillow")


def provenance() -> dict[str, Any]:
    """Return what every result carries: machine, versions and date; no name of the machine."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpu": cpu_model(),
            "cores": os.cpu_count(),
            "kernel": f"{platform.system()} {platform.release()}",
            "load_average": round(os.getloadavg()[0], 2),
        },
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in PACKAGES},
    }


def cpu_model() -> str:
    """Return the processor's own name, or its kind where the system does not tell it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
