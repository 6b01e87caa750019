"""Results as JSON files, to keep and to compare with."""

import dataclasses
import datetime
import importlib.metadata
import json
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from digits_client.atomic_file import atomic_write

from .histogram import Histogram
from .result import Figures, Result
from .workload import usable_cores

FORMAT: Final = "digits-bench/2"
_DISTRIBUTIONS: Final = ("digits", "grpcio", "numpy", "pillow", "protobuf")
_CPU_INFO: Final = Path("/proc/cpuinfo")


class ResultFileError(Exception):
    """A file cannot be read, or is not a result of this version."""


def to_json(result: Result) -> dict[str, Any]:
    """Return a result with its settings, machine and versions, as JSON values."""
    recording = result.recording
    return {
        "format": FORMAT,
        "written": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "settings": settings(result),
        "server": {
            "address": result.server.address,
            "model_version": result.model_version,
            "model_precision": result.model_precision,
        },
        "machine": {
            "system": platform.platform(),
            "processor": _cpu_model(),
            "cores": usable_cores(),
        },
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in _DISTRIBUTIONS},
        },
        "is_stable": result.is_stable,
        "is_interrupted": result.is_interrupted,
        "notes": result.notes,
        "repeats": [
            {"is_counted": index in result.counted, **dataclasses.asdict(figures)}
            for index, figures in enumerate(result.repeat_figures)
        ],
        "result": dataclasses.asdict(result.figures),
        "calls_by_status": dict(recording.calls),
        "histogram": recording.latency.to_json(),
    }


def settings(result: Result) -> dict[str, Any]:
    """Return the settings that two results must share to be comparable."""
    server = result.server
    return {**result.workload.settings, "has_tls": bool(server.tls_ca or server.client_cert)}


def write(path: Path, result: Result) -> None:
    """Write a result to a JSON file.

    Raises:
        OSError: The file cannot be written.
    """
    with atomic_write(path) as file:
        file.write(json.dumps(to_json(result), indent=2).encode() + b"\n")


@dataclass(frozen=True)
class Baseline:
    """An earlier result to compare with, as far as its file holds it."""

    settings: dict[str, Any]
    model_version: str
    model_precision: str
    is_stable: bool
    figures: Figures
    latency: Histogram

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the result in a file.

        Raises:
            ResultFileError: The file cannot be read, or is not a result of this version.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] != FORMAT:
                raise ResultFileError(f"{path} has the format {content['format']}, not {FORMAT}")
            return cls(
                settings=content["settings"],
                model_version=content["server"]["model_version"],
                # Results without it are from servers that knew only this one.
                model_precision=content["server"].get("model_precision", "float32"),
                is_stable=content["is_stable"],
                figures=Figures(**content["result"]),
                latency=Histogram.from_json(content["histogram"]),
            )
        except OSError as error:
            raise ResultFileError(f"cannot read {path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise ResultFileError(f"{path} is not a result file of digits-bench") from error


def _cpu_model() -> str | None:
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or None
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, None)
