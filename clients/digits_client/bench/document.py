"""A result as JSON, to keep and to compare with."""

import dataclasses
import datetime
import importlib.metadata
import json
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from .histogram import Histogram
from .options import cores
from .result import Figures, Result

FORMAT: Final = "digits-bench/1"
_DISTRIBUTIONS: Final = ("digits", "grpcio", "numpy", "pillow", "protobuf")
_PROCESSORS: Final = Path("/proc/cpuinfo")


class UnusableDocumentError(Exception):
    """A file is not what ``write`` writes."""


def document(result: Result) -> dict[str, Any]:
    """Return all that is known of a result."""
    merged = result.merged
    return {
        "format": FORMAT,
        "written": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "settings": result.options.settings,
        "server": {"address": result.address, "model_version": result.model_version},
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "cores": cores(),
        },
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in _DISTRIBUTIONS},
        },
        "is_stable": result.is_stable,
        "is_interrupted": result.is_interrupted,
        "notes": result.notes,
        "repeats": [
            {
                "is_counted": place in result.counted,
                **dataclasses.asdict(Figures.of(recording, result.options)),
            }
            for place, recording in enumerate(result.recordings)
        ],
        "result": dataclasses.asdict(Figures.of(merged, result.options)),
        "calls_by_status": dict(merged.calls),
        "histogram": merged.latency.to_json(),
    }


def write(path: Path, content: dict[str, Any]) -> None:
    """Write a document."""
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Earlier:
    """What of an earlier result can be compared."""

    settings: dict[str, Any]
    model_version: str
    is_stable: bool
    figures: Figures
    latency: Histogram

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the result in a file.

        Raises:
            UnusableDocumentError: There is none, or it is another version's; the message says so.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] != FORMAT:
                raise UnusableDocumentError(f"{path} is of another version: {content['format']}")
            return cls(
                settings=content["settings"],
                model_version=content["server"]["model_version"],
                is_stable=content["is_stable"],
                figures=Figures(**content["result"]),
                latency=Histogram.from_json(content["histogram"]),
            )
        except OSError as error:
            raise UnusableDocumentError(f"{path} cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise UnusableDocumentError(f"{path} was not written by --json") from error


def _processor() -> str | None:
    try:
        lines = _PROCESSORS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or None
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, None)
