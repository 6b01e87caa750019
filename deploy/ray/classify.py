"""Recognize the digit in each of many images on the machines of a Ray cluster.

    python deploy/ray/classify.py INPUT... --output DIR [--address auto] [--format jsonl]

It answers as ``digits-batch`` does, without a server: the images are found by the client's
code, read and recognized by the server's in the workers, and written by the client's.

The list of images is cut into shards. What travels through Ray is paths and counts; images
and rows do not. A shard's rows are in one file with the shard's number as its name, so that
a shard that is done twice, because a machine went away, has its rows once.
"""

import argparse
import dataclasses
import itertools
import json
import logging
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

# Ray's reports of its use go to its makers unless this is said before it is imported.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import fsspec.core
import numpy as np
import ray
import ray.data
import ray.exceptions
from numpy.typing import NDArray

from digits_client.batch import parquet
from digits_client.batch.columns import Columns
from digits_client.batch.formats import LineFormat, writer
from digits_client.batch.rows import Row
from digits_client.errors import DigitsError, InvalidImageError, ServerFailureError
from digits_client.results import FileResult, Prediction, Verdict
from digits_client.sources import Item, Selection, find, is_url, item
from digits_client.sources.items import UnreadableItem
from digits_server import settings
from digits_server.errors import InvalidArgumentError, ModelError
from digits_server.models import LoadedModel, load_folder, versions
from digits_server.models.postprocess import Prediction as Found
from digits_server.preprocessing.decode import ImageLimits, decode
from digits_server.preprocessing.normalize import normalize

EXIT_ALL_ANSWERED: Final = 0
EXIT_SOME_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_JOB_FAILED: Final = 3

FORMATS: Final = ("parquet", "jsonl", "csv")
# Written last; readers of folders pass over names with a leading underscore.
DONE_FILE: Final = "_SUCCESS"
IMAGES_A_SHARD: Final = 1000
SHARDS_A_PIECE: Final = 256
# Frames that a worker holds at once: 3 KB each.
IMAGES_A_CALL: Final = 256
# A store answers late, a disk at once.
REMOTE_READERS: Final = 16
# An image that ends its process, which none is known to do, must not be tried for ever.
SHARD_RETRIES: Final = 3
# Paths and counts are all that is kept there.
LOCAL_STORE_BYTES: Final = 200 * 2**20

_COLUMNS: Final = Columns()

Frame = NDArray[np.float32]
Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Job:
    """What every worker is told."""

    models_dir: Path | None
    """That every worker sees; None for the one that is shipped with the worker's own package."""
    model_version: int
    base: str
    """The folder that paths begin at."""
    output: str
    form: str
    readers: int
    """Images that a worker reads at once."""
    limits: ImageLimits


@dataclass(frozen=True)
class Counts:
    """What a job did."""

    images: int = 0
    failed: int = 0
    files: int = 0
    seconds: float = 0.0
    """From the first image to the last, the start of Ray and the workers left out."""

    def __str__(self) -> str:
        rate = self.images / self.seconds if self.seconds else 0
        return (
            f"{self.images:,} images in {self.seconds:.1f} s ({rate:,.0f} a second): "
            f"{self.failed:,} failed, {self.files:,} files"
        )


class Worker:
    """Recognizes shards; the model is loaded once."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._model = loaded(job.models_dir, job.model_version)
        self._output = Output(job.output)
        self._pool = ThreadPoolExecutor(job.readers) if job.readers > 1 else None

    def __call__(self, shard: dict[str, Any]) -> dict[str, Any]:
        """Recognize the images of a shard, write their rows, and count them."""
        began = time.time()
        found = json.loads(shard["images"])
        rows = [
            row
            for begin in range(0, len(found), IMAGES_A_CALL)
            for row in self._rows(found[begin : begin + IMAGES_A_CALL])
        ]
        self._output.write(f"part-{shard['shard']:06}.{self._job.form}", self._encoded(rows))
        return {
            "shard": shard["shard"],
            "images": len(rows),
            "failed": sum(row.error is not None for row in rows),
            "began": began,
            "ended": time.time(),
        }

    def _rows(self, found: Sequence[tuple[str, str | None]]) -> Iterator[Row]:
        framed = list(self._pool.map(self._frame, found) if self._pool else map(self._frame, found))
        frames = [frame for frame in framed if not isinstance(frame, DigitsError)]
        predictions = iter(self._model.predict(frames) if frames else ())
        for (path, _), frame in zip(found, framed, strict=True):
            answer = frame if isinstance(frame, DigitsError) else _answer(next(predictions))
            yield Row.of(FileResult(path, answer))

    def _frame(self, found: tuple[str, str | None]) -> Frame | DigitsError:
        """Return what the model is shown of an image, or why there is nothing."""
        path, reason = found
        if reason is not None:
            return InvalidImageError(reason)
        try:
            where = path if is_url(path) else os.path.join(self._job.base, path)  # noqa: PTH118
            content = item(where).read(self._job.limits.max_bytes)
            return normalize(decode(content, self._job.limits))
        except InvalidImageError as error:
            return error
        except InvalidArgumentError as error:
            return InvalidImageError(str(error))
        except Exception:  # as the service: the others go on, and the log says what it was
            logging.getLogger(__name__).exception("%s", path)
            return ServerFailureError("INTERNAL: internal error; the worker's log has it")

    def _encoded(self, rows: Iterable[Row]) -> bytes:
        """Return a file with these rows."""
        with tempfile.TemporaryDirectory() as folder:
            path, form = Path(folder) / "rows", self._job.form
            lines: LineFormat = "csv" if form == "csv" else "jsonl"
            with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out:
                writing = writer(lines, out, _COLUMNS)
                for row in rows:
                    writing.write(row)
                writing.finish()
            if form == "parquet":
                whole = Path(folder) / "rows.parquet"
                parquet.convert(path, whole, _COLUMNS)
                path = whole
            return path.read_bytes()


def _answer(found: Found) -> Prediction:
    return Prediction(
        verdict=Verdict(found.verdict.value),
        digit=found.digit,
        confidence=found.confidence,
        probabilities=tuple(found.probs),
        model_version=found.model_version,
    )


class Output:
    """A folder, here or in a store."""

    def __init__(self, where: str) -> None:
        self._system, self._folder = fsspec.core.url_to_fs(where, use_listings_cache=False)
        self._is_here = "file" in self._system.protocol

    def begin(self) -> None:
        """Make the folder.

        Raises:
            FileExistsError: There is something in it.
        """
        if self._system.exists(self._folder) and self._system.ls(self._folder, detail=False):
            raise FileExistsError("is not empty: remove it, or name another")
        self._system.makedirs(self._folder, exist_ok=True)

    def write(self, name: str, content: bytes) -> None:
        """Write a file, which is whole or not there, in place of what has its name."""
        path = f"{self._folder}/{name}"
        if not self._is_here:  # a store shows an object once it is whole
            self._system.pipe_file(path, content)
            return
        handle, part = tempfile.mkstemp(dir=self._folder, prefix=f".{name}-")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(part).chmod(0o644)
        Path(part).replace(path)


def loaded(models_dir: Path | None, version: int) -> LoadedModel:
    """Load a model.

    Raises:
        ModelError: There is no such model, or it cannot be served.
    """
    # By the module, since Ray would send the driver's value along.
    folder = models_dir or settings.SHIPPED_MODELS
    return load_folder(folder / str(version or max(versions(folder), default=0)), threads=1)


def shards(items: Iterable[Item], size: int) -> Iterator[dict[str, Any]]:
    """Cut a list of images into numbered shards."""
    # JSON in ASCII, since there are names that are no text; and why there is nothing to read.
    found = (
        (each.path, each.reason if isinstance(each, UnreadableItem) else None) for each in items
    )
    for number, shard in enumerate(_in_pieces(found, size)):
        yield {"shard": number, "images": json.dumps(shard)}


def _in_pieces(things: Iterable[Thing], size: int) -> Iterator[list[Thing]]:
    left = iter(things)
    while piece := list(itertools.islice(left, size)):
        yield piece


def recognize(job: Job, cut: Iterable[dict[str, Any]], workers: int) -> Counts:
    """Recognize shards on the cluster that Ray is connected to, and count their images.

    Raises:
        ray.exceptions.RayError: A worker failed again and again.
    """
    # Copied piece by piece, so that no more than a piece is here beside what Ray holds.
    pieces = [
        ray.data.from_items(piece, override_num_blocks=len(piece))
        for piece in _in_pieces(cut, SHARDS_A_PIECE)
    ]
    if not pieces:
        return Counts()
    whole = pieces[0].union(*pieces[1:]) if len(pieces) > 1 else pieces[0]
    shard_count = sum(piece.count() for piece in pieces)
    ray.data.DataContext.get_current().enable_progress_bars = sys.stderr.isatty()
    with warnings.catch_warnings():
        # The number of retries has no other way in.
        warnings.filterwarnings("ignore", "`ray_remote_args` is deprecated")
        answered = whole.map(
            Worker,
            fn_constructor_kwargs={"job": job},
            compute=ray.data.ActorPoolStrategy(size=min(workers, shard_count)),
            num_cpus=1,
            max_task_retries=SHARD_RETRIES,
        )
    done = {shard["shard"]: shard for shard in answered.iter_rows()}
    if len(done) != shard_count:
        raise RuntimeError(f"{len(done)} of {shard_count} shards came back")
    return Counts(
        images=sum(shard["images"] for shard in done.values()),
        failed=sum(shard["failed"] for shard in done.values()),
        files=len(done),
        seconds=max(shard["ended"] for shard in done.values())
        - min(shard["began"] for shard in done.values()),
    )


def connect(address: str | None, workers: int | None) -> int:
    """Connect to a cluster, or start one here, and return how many workers to have."""
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    if address is None:
        cores = workers or len(os.sched_getaffinity(0))
        ray.init(
            address="local",
            num_cpus=cores,
            include_dashboard=False,
            object_store_memory=LOCAL_STORE_BYTES,
            logging_level=logging.WARNING,
        )
        return cores
    ray.init(address=address, logging_level=logging.WARNING)
    return workers or max(1, int(ray.cluster_resources().get("CPU", 1)))


def run(parsed: argparse.Namespace) -> int:
    """Run the job and return the exit status."""
    try:
        models_dir = parsed.models_dir and parsed.models_dir.absolute()
        version = int(loaded(models_dir, parsed.model_version).manifest.version)
        Output(parsed.output).begin()
    except ModelError as error:
        return _say(error, EXIT_JOB_FAILED)
    except (OSError, ValueError, ImportError) as error:
        return _say(f"{parsed.output} {error}", EXIT_USAGE)
    readers = REMOTE_READERS if any(map(is_url, parsed.inputs)) else 1
    job = Job(
        models_dir=models_dir,
        model_version=version,
        base=os.getcwd(),  # noqa: PTH109 - paths stay strings
        output=parsed.output if is_url(parsed.output) else str(Path(parsed.output).absolute()),
        form=parsed.format,
        readers=parsed.readers or readers,
        limits=ImageLimits(parsed.max_image_bytes, parsed.max_image_pixels),
    )
    selection = Selection(
        include=tuple(parsed.include),
        exclude=tuple(parsed.exclude),
        excluded_paths=frozenset({os.path.realpath(parsed.output)}),
    )
    try:
        workers = connect(parsed.address, parsed.workers)
        cut = shards(find(parsed.inputs, selection), parsed.images_per_file)
        if (parsed.address or "").startswith("ray://"):  # Ray Data is not led through this
            lead = ray.remote(num_cpus=0)(recognize)
            counts = ray.get(lead.remote(job, list(cut), workers))
        else:
            counts = recognize(job, cut, workers)
    except (ray.exceptions.RayError, ConnectionError, RuntimeError, ValueError) as error:
        # Of an error in a worker, the lines before the last are where it was raised.
        return _say(str(error).strip().rpartition("\n")[2], EXIT_JOB_FAILED)
    finally:
        ray.shutdown()
    done = dataclasses.asdict(counts) | {"model_version": str(version)}
    Output(job.output).write(DONE_FILE, json.dumps(done).encode() + b"\n")
    return _say(counts, EXIT_SOME_FAILED if counts.failed else EXIT_ALL_ANSWERED)


def _say(what: object, status: int) -> int:
    sys.stderr.write(f"classify.py: {what}\n")
    return status


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    defaults = settings.Settings()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("inputs", nargs="+", metavar="INPUT", help="as of digits-batch: files, folders, URLs ...")
    add("--output", required=True, metavar="DIR", help="empty or new folder, or URL of one")
    add("--format", choices=FORMATS, default="parquet", help="default: parquet")
    add("--address", help="of the cluster: auto, HOST:PORT or ray://...; default: start one here")
    add("--workers", type=_count, metavar="N", help="processes; default: one for each core")
    add("--readers", type=_count, metavar="N", help="images that each reads at once")
    add("--images-per-file", type=_count, default=IMAGES_A_SHARD, metavar="N")
    add("--include", action="append", default=[], metavar="PATTERN", help="as of digits-batch")
    add("--exclude", action="append", default=[], metavar="PATTERN", help="as of digits-batch")
    add("--models-dir", type=Path, metavar="DIR", help="that each worker sees; default: shipped")
    add("--model-version", type=int, default=0, metavar="N", help="default: the highest")
    add("--max-image-bytes", type=_count, default=defaults.max_image_bytes, metavar="N")
    add("--max-image-pixels", type=_count, default=defaults.max_image_pixels, metavar="N")
    return run(parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
