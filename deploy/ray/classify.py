"""Recognize the digit or the number in each of many images on the machines of a Ray cluster.

    python deploy/ray/classify.py INPUT... --output DIR [--address auto] [--format jsonl]

The job writes the same rows as ``digits-batch``, without a server. It finds images and writes
rows with the client's code, and reads and recognizes images with the server's code.

The list of images is cut into shards. Only paths and counts pass through Ray; images and rows do
not. The rows of a shard are in one file, named by the shard's number, so a shard that runs twice,
because a machine failed, still has its rows once.
"""

import argparse
import dataclasses
import io
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
from typing import Any, Final

# Without this, Ray reports its use to its makers. It is read when Ray is imported.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import fsspec.core
import ray
import ray.data
import ray.exceptions

from digits.v1 import recognizer_pb2 as pb
from digits_client.batch import parquet
from digits_client.batch.columns import Columns
from digits_client.batch.formats import writer
from digits_client.batch.rows import Row
from digits_client.errors import DigitsError, InvalidImageError, ServerFailureError
from digits_client.sources import Item, Selection, find, is_url, item
from digits_client.sources.items import UnreadableItem
from digits_server import settings
from digits_server.api.results import fill, rows
from digits_server.errors import InvalidArgumentError, ModelError
from digits_server.models import LoadedModel, load_folder, versions
from digits_server.models.predictions import Predictions
from digits_server.preprocessing.decode import ImageLimits
from digits_server.preprocessing.framing import EncodedImage, Frames, to_frames
from digits_server.preprocessing.layout import Layout

EXIT_ALL_RECOGNIZED: Final = 0
EXIT_SOME_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_JOB_FAILED: Final = 3

FORMATS: Final = ("parquet", "jsonl", "csv")
# Written last. Programs that read a folder skip names that start with an underscore.
SUCCESS_FILE: Final = "_SUCCESS"
IMAGES_PER_FILE: Final = 1000
# Images per call of the model: a worker holds their frames, 3 KB for each reading of an image.
BATCH_SIZE: Final = 256
# Reading from a store waits for the network, reading from a disk does not.
REMOTE_READERS: Final = 16
# Bounds the retries of a shard with an image that crashes its worker, though none is known.
SHARD_RETRIES: Final = 3
# Enough for a local Ray, which holds only paths and counts.
LOCAL_STORE_BYTES: Final = 200 * 2**20

# In the place of an image that cannot be read.
_NO_FRAMES: Final = Frames.invalid(InvalidArgumentError("image", "cannot be read"))

FoundImage = tuple[str, str | None]
"""The path of an image, and the reason why it cannot be read if that is already known."""


@dataclass(frozen=True)
class Job:
    """The settings that every worker gets."""

    models_dir: Path | None
    """Models folder that every worker sees; None for the one installed with the server."""
    model_version: int
    base_dir: str
    """Folder that relative paths start from."""
    output: str
    """Folder or URL for the rows."""
    format: str
    readers: int
    """Number of images that a worker reads at once."""
    limits: ImageLimits
    layout: Layout
    """What each image holds: a digit or a number."""

    @property
    def columns(self) -> Columns:
        """The columns of the rows."""
        return Columns(are_of_numbers=self.layout == Layout.NUMBER)


@dataclass(frozen=True)
class Counts:
    """The result of a job."""

    images: int = 0
    failed: int = 0
    files: int = 0
    seconds: float = 0.0
    """Time from the first image to the last, without the start of Ray and of the workers."""

    def __str__(self) -> str:
        rate = self.images / self.seconds if self.seconds else 0
        return (
            f"{self.images:,} images in {self.seconds:.1f} s ({rate:,.0f} per second): "
            f"{self.failed:,} failed, {self.files:,} files"
        )


class Worker:
    """Recognizes shards, with a model that it loads once."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._model = load_model(job.models_dir, job.model_version)
        self._output = Output(job.output)
        self._pool = ThreadPoolExecutor(job.readers) if job.readers > 1 else None

    def __call__(self, shard: dict[str, Any]) -> dict[str, Any]:
        """Recognize the images of a shard, write their rows, and return counts."""
        started = time.time()
        images = json.loads(shard["images"])
        found = [row for batch in batches(images, BATCH_SIZE) for row in self._recognize(batch)]
        name = f"part-{shard['shard']:06}.{self._job.format}"
        self._output.write(name, encode(found, self._job.format, self._job.columns))
        return {
            "shard": shard["shard"],
            "images": len(found),
            "failed": sum(row.error is not None for row in found),
            "started": started,
            "ended": time.time(),
        }

    def _recognize(self, images: Sequence[FoundImage]) -> Iterator[Row]:
        read = self._pool.map if self._pool else map
        found = list(read(self._frames, images))
        predictions = self._model.predict(
            Frames.concatenate(
                [_NO_FRAMES if isinstance(each, DigitsError) else each for each in found]
            )
        )
        recognized = rows_of([path for path, _ in images], predictions, self._job.layout)
        for row, each in zip(recognized, found, strict=True):
            yield row._replace(error=str(each)) if isinstance(each, DigitsError) else row

    def _frames(self, image: FoundImage) -> Frames | DigitsError:
        """Return the frames of an image, or the error that its row shows."""
        path, reason = image
        if reason is not None:
            return InvalidImageError(reason)
        try:
            location = path if is_url(path) else os.path.join(self._job.base_dir, path)  # noqa: PTH118
            content = item(location).read(self._job.limits.max_bytes)
            frames = to_frames([EncodedImage(content)], self._job.limits, self._job.layout)
            return InvalidImageError(frames.errors[0].reason) if frames.errors else frames
        except InvalidImageError as error:
            return error
        except Exception:  # like the server: the other images go on, and the log has the cause
            logging.getLogger(__name__).exception("%s", path)
            return ServerFailureError("INTERNAL: internal error; the worker's log has it")


def rows_of(paths: Sequence[str], predictions: Predictions, layout: Layout) -> Iterator[Row]:
    """Yield the row of each image that was recognized."""
    fields = rows(predictions, include_frame=False)
    for number, (path, row) in enumerate(zip(paths, fields, strict=True)):
        if number in predictions.errors:
            yield Row(path, error=predictions.errors[number].reason)
            continue
        result = pb.RecognizeResult()
        fill(result, number, row, predictions, layout, include_frame=False)
        if layout == Layout.NUMBER:
            yield Row.of_number(path, result)
        else:
            yield Row.of(path, result, has_probabilities=False)


def encode(rows: Iterable[Row], form: str, columns: Columns) -> bytes:
    """Return the content of a file with these rows."""
    text = io.StringIO()
    lines = writer("csv" if form == "csv" else "jsonl", text, columns)
    lines.write(list(rows))
    lines.finish()
    content = text.getvalue().encode("utf-8", "surrogateescape")
    if form != "parquet":
        return content
    with tempfile.TemporaryDirectory() as folder:
        json_lines, file = Path(folder, "rows.jsonl"), Path(folder, "rows.parquet")
        json_lines.write_bytes(content)
        parquet.convert(json_lines, file, columns)
        return file.read_bytes()


class Output:
    """The folder of the job's files, local or in a store."""

    def __init__(self, location: str) -> None:
        self._system, self._folder = fsspec.core.url_to_fs(location, use_listings_cache=False)
        self._is_local = "file" in self._system.protocol

    def create(self) -> None:
        """Create the folder.

        Raises:
            FileExistsError: It exists and is not empty.
        """
        if self._system.exists(self._folder) and self._system.ls(self._folder, detail=False):
            raise FileExistsError("is not empty: remove it, or name another")
        self._system.makedirs(self._folder, exist_ok=True)

    def write(self, name: str, content: bytes) -> None:
        """Write or replace a file, which is never visible in part."""
        path = f"{self._folder}/{name}"
        if not self._is_local:  # a store shows an object only once it is complete
            self._system.pipe_file(path, content)
            return
        handle, part = tempfile.mkstemp(dir=self._folder, prefix=f".{name}-")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(part).chmod(0o644)
        Path(part).replace(path)


def load_model(models_dir: Path | None, version: int) -> LoadedModel:
    """Load a version of a model; 0 stands for the highest.

    Raises:
        ModelError: The version does not exist, or it cannot be served.
    """
    # Read from the module here: as a default argument, Ray would send the driver's path.
    folder = models_dir or settings.SHIPPED_MODELS
    return load_folder(folder / str(version or max(versions(folder), default=0)))


def make_shards(items: Iterable[Item], size: int) -> list[dict[str, Any]]:
    """Cut a list of images into numbered shards."""
    images = (
        (each.path, each.reason if isinstance(each, UnreadableItem) else None) for each in items
    )
    # ASCII JSON can carry paths that are not valid text.
    return [
        {"shard": number, "images": json.dumps(batch)}
        for number, batch in enumerate(batches(images, size))
    ]


def batches(images: Iterable[FoundImage], size: int) -> Iterator[list[FoundImage]]:
    """Cut images into lists of a size; the last may be shorter."""
    remaining = iter(images)
    while batch := list(itertools.islice(remaining, size)):
        yield batch


def recognize(job: Job, shards: list[dict[str, Any]], workers: int) -> Counts:
    """Recognize shards on the cluster that Ray is connected to, and return counts.

    Raises:
        ray.exceptions.RayError: A worker failed repeatedly.
    """
    if not shards:
        return Counts()
    ray.data.DataContext.get_current().enable_progress_bars = sys.stderr.isatty()
    with warnings.catch_warnings():
        # There is no other way to set the number of retries.
        warnings.filterwarnings("ignore", "`ray_remote_args` is deprecated")
        results = ray.data.from_items(shards, override_num_blocks=len(shards)).map(
            Worker,
            fn_constructor_kwargs={"job": job},
            compute=ray.data.ActorPoolStrategy(size=min(workers, len(shards))),
            num_cpus=1,
            max_task_retries=SHARD_RETRIES,
        )
    done = {result["shard"]: result for result in results.iter_rows()}
    if len(done) != len(shards):
        raise RuntimeError(f"{len(done)} of {len(shards)} shards came back")
    return Counts(
        images=sum(result["images"] for result in done.values()),
        failed=sum(result["failed"] for result in done.values()),
        files=len(done),
        seconds=max(result["ended"] for result in done.values())
        - min(result["started"] for result in done.values()),
    )


def connect(address: str | None, workers: int | None) -> int:
    """Connect to a cluster, or start a local Ray, and return the number of workers."""
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
        version = int(load_model(models_dir, parsed.model_version).manifest.version)
        Output(parsed.output).create()
    except ModelError as error:
        return _exit(error, EXIT_JOB_FAILED)
    except (OSError, ValueError, ImportError) as error:
        return _exit(f"{parsed.output} {error}", EXIT_USAGE)
    readers = REMOTE_READERS if any(map(is_url, parsed.inputs)) else 1
    job = Job(
        models_dir=models_dir,
        model_version=version,
        base_dir=os.getcwd(),  # noqa: PTH109 - paths stay strings
        output=parsed.output if is_url(parsed.output) else str(Path(parsed.output).absolute()),
        format=parsed.format,
        readers=parsed.readers or readers,
        limits=ImageLimits(parsed.max_image_bytes, parsed.max_image_pixels),
        layout=Layout.NUMBER if parsed.numbers else Layout.DIGIT,
    )
    selection = Selection(
        include=tuple(parsed.include),
        exclude=tuple(parsed.exclude),
        excluded_paths=frozenset({os.path.realpath(parsed.output)}),
    )
    try:
        workers = connect(parsed.address, parsed.workers)
        shards = make_shards(find(parsed.inputs, selection), parsed.images_per_file)
        if (parsed.address or "").startswith("ray://"):  # Ray Data does not run over Ray Client
            remote = ray.remote(num_cpus=0)(recognize)
            counts = ray.get(remote.remote(job, shards, workers))
        else:
            counts = recognize(job, shards, workers)
    except (ray.exceptions.RayError, ConnectionError, RuntimeError, ValueError) as error:
        # The last line of a worker's error is the message; the traceback is above it.
        return _exit(str(error).strip().rpartition("\n")[2], EXIT_JOB_FAILED)
    finally:
        ray.shutdown()
    report = dataclasses.asdict(counts) | {"model_version": str(version)}
    Output(job.output).write(SUCCESS_FILE, json.dumps(report).encode() + b"\n")
    return _exit(counts, EXIT_SOME_FAILED if counts.failed else EXIT_ALL_RECOGNIZED)


def _exit(message: object, status: int) -> int:
    sys.stderr.write(f"classify.py: {message}\n")
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
    add("inputs", nargs="+", metavar="INPUT", help="files, folders, URLs ..., as for digits-batch")
    add("--output", required=True, metavar="DIR", help="new or empty folder, or its URL")
    add("--format", choices=FORMATS, default="parquet", help="default: parquet")
    add("--numbers", action="store_true", help="read a number in each image, as digits-batch does")
    add("--address", help="cluster: auto, HOST:PORT or ray://...; default: start a local Ray")
    add("--workers", type=_count, metavar="N", help="worker processes; default: one per core")
    add("--readers", type=_count, metavar="N", help="images that each worker reads at once")
    add("--images-per-file", type=_count, default=IMAGES_PER_FILE, metavar="N")
    add("--include", action="append", default=[], metavar="PATTERN", help="as for digits-batch")
    add("--exclude", action="append", default=[], metavar="PATTERN", help="as for digits-batch")
    add("--models-dir", type=Path, metavar="DIR", help="folder on every machine; default: shipped")
    add("--model-version", type=int, default=0, metavar="N", help="default: the highest")
    add("--max-image-bytes", type=_count, default=defaults.max_image_bytes, metavar="N")
    add("--max-image-pixels", type=_count, default=defaults.max_image_pixels, metavar="N")
    return run(parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
