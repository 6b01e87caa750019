"""A run of ``digits-batch``: write each row, then use it for everything else."""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from typing import Self

from digits.v1 import recognizer_pb2 as pb
from digits_client.bulk.pipeline import recognize_items
from digits_client.bulk.sender import BatchResult
from digits_client.cli.server_options import ServerOptions
from digits_client.sources import NotAnImageError

from .counters import Counters
from .errors import NothingToDoError
from .evaluation import DigitEvaluation, Evaluation
from .failed_list import FailedList
from .inputs import check_lists, check_paths, find_items, find_items_again
from .labels import FileLabels, FolderLabels, Labels
from .number_evaluation import NumberEvaluation
from .options import Options
from .output import Output
from .progress import Total, open_progress
from .report_data import ReportData
from .resume import remaining
from .rows import Row
from .sorting import Sorter, SortingError
from .wording import counted


class Run:
    """Recognizes the images of a command line. Results are not kept, however many there are."""

    def __init__(self, options: Options) -> None:
        """Create a run.

        Raises:
            UnusableFileError: The labels cannot be used.
        """
        self._options = options
        self._labels = _open_labels(options)
        self._counters = Counters()
        self._evaluation: Evaluation = (
            NumberEvaluation() if options.are_numbers else DigitEvaluation()
        )
        self._report = ReportData(self._evaluation, options.unsure_below)
        self._output = Output(options.row_format, options.columns, options.output)
        self._failed: FailedList | None = None
        self._sorter = _open_sorter(options)
        self._unsorted_count = 0
        self._first_sorting_error = ""
        self._max_image_bytes = 0
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Open the output files.

        Raises:
            UnusableFileError: The output file holds rows of another run.
            OSError: A file cannot be written.
        """
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._output)
            self._output.open(resumes=self._options.resumes)
            if self._options.errors_to:
                self._failed = FailedList(self._options.errors_to, self._options.separator)
                stack.callback(self._failed.close)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def check_paths(self) -> None:
        """Check that each list can be read, and that each path on the command line names a file.

        Paths only if the run is not resumed: those of an interrupted run were checked at its
        start. Its images may have been sorted into other folders since.

        Raises:
            UnusableFileError: A list cannot be read.
            NothingToDoError: A path names no file.
        """
        check_lists(self._options)
        if not (self._options.resumes and any(True for _ in self._output.existing_rows())):
            check_paths(self._options)

    async def recognize(self, server: ServerOptions, stopping: asyncio.Event) -> None:
        """Recognize the images that have no row yet.

        Args:
            server: The server.
            stopping: Once set, no more images are sent; those in flight are completed.

        Raises:
            DigitsError: The server is unreachable, timed out, or denied access.
            UnusableFileError: A list cannot be read to its end.
            OSError: An output file cannot be written.
        """
        self._counters.restart_clock()
        async with server.client() as client:
            limits = (await client.model()).limits
            self._max_image_bytes = limits.max_image_bytes
            items = find_items(self._options)
            if self._options.resumes:
                self._process(self._output.existing_rows(), is_resumed=True)
                items = remaining(items, self._output.existing_rows())
            progress = open_progress(
                as_json=self._options.has_json_progress,
                total=lambda: Total(lambda: find_items_again(self._options)),
            )
            layout = pb.LAYOUT_NUMBER if self._options.are_numbers else pb.LAYOUT_DIGIT
            batches = recognize_items(
                client.sender.with_layout(layout),
                items,
                limits,
                give_up_seconds=self._options.give_up_seconds,
                stopping=stopping,
            )
            try:
                async with contextlib.aclosing(batches):
                    async for batch in batches:
                        rows = [
                            self._row(path, result)
                            for path, result in batch
                            if not self._skips(result)
                        ]
                        self._output.write(rows)
                        self._process(rows)
                        progress.update(self._counters)
            finally:
                progress.close(self._counters)

    def _skips(self, result: BatchResult) -> bool:
        """Count a file that is not an image, and return whether it is one."""
        if not isinstance(result, NotAnImageError):
            return False
        self._counters.skip(result.kind)
        return True

    def _row(self, path: str, result: BatchResult) -> Row:
        if self._options.are_numbers:
            return Row.of_number(path, result)
        has_probabilities = self._options.columns.need_probabilities
        return Row.of(path, result, has_probabilities=has_probabilities)

    def _process(self, rows: Iterable[Row], *, is_resumed: bool = False) -> None:
        """Count, list, sort, evaluate and report rows that have been written."""
        for row in rows:
            self._counters.add(row, is_resumed=is_resumed)
            if self._failed:
                self._failed.add(row)
            location = self._sort(self._sorter, row) if self._sorter else None
            label = self._labels.of(row.path) if self._labels else None
            if label is not None:
                self._evaluation.add(row, label, location)
            if self._options.report:
                self._report.add(row, location, label)

    def _sort(self, sorter: Sorter, row: Row) -> str | None:
        """Sort an image and return its new path, if any; a failure is only counted."""
        try:
            return sorter.place(row, self._max_image_bytes)
        except SortingError as error:
            self._first_sorting_error = self._first_sorting_error or str(error)
            self._unsorted_count += 1
            return None

    def finish(self, *, is_complete: bool) -> None:
        """Complete the output files.

        Args:
            is_complete: Whether every image has a row. If not, the rows stay in the partial file
                and there is no list of failed images.
        """
        self._output.finish(is_complete=is_complete)
        if self._failed and is_complete:
            self._failed.finish()
        if self._options.report and (is_complete or self._counters.count):
            from . import html_report  # imported late, because it needs NumPy and Pillow

            html_report.write(
                self._options.report, self._report, self._counters, self._max_image_bytes
            )

    def summary(self) -> Iterator[str]:
        """Yield the closing lines."""
        if self._evaluation.labeled_count:
            yield from self._evaluation.summary()
        if self._failed and self._failed.unlisted_count:
            count = self._failed.unlisted_count
            yield (
                f"{counted(count, 'failed image is', 'failed images are')} not in "
                f"{self._options.errors_to}, because of a line break in the path: use --null"
            )
        if self._unsorted_count:
            yield (
                f"{counted(self._unsorted_count, 'image')} could not be sorted; the first: "
                f"{self._first_sorting_error}"
            )
        if self._is_below_min_accuracy:
            yield (
                f"the accuracy of {counted(self._evaluation.labeled_count, 'labeled image')} is "
                f"below {self._options.min_accuracy:.2%}"
            )
        if self._counters.skipped:
            yield self._counters.skipped
        yield str(self._counters)

    def check_found(self) -> None:
        """Check that the run had an image; to be called at its end.

        Raises:
            NothingToDoError: There was none.
        """
        if not self._counters.count:
            skipped = f": {self._counters.skipped}" if self._counters.skipped else ""
            raise NothingToDoError(f"there is no image to recognize{skipped}")

    def resume_hint(self) -> str:
        """Return how to continue the run, to append to an error; empty if it cannot be resumed."""
        options = self._options
        file = self._output.resumable
        if file is None or options.row_format == "table" or not self._counters.count:
            return ""
        rows = counted(self._counters.count, "row is", "rows are")
        return f"; {rows} in {file}: rerun with --resume to continue"

    @property
    def has_failed(self) -> bool:
        """True if images failed or could not be sorted, or the accuracy is too low."""
        return bool(
            self._counters.failed_count or self._unsorted_count or self._is_below_min_accuracy
        )

    @property
    def _is_below_min_accuracy(self) -> bool:
        minimum = self._options.min_accuracy
        return minimum is not None and self._evaluation.accuracy < minimum


def _open_labels(options: Options) -> Labels | None:
    if not options.has_labels:
        return None
    if options.labels:
        return FileLabels(options.labels, are_numbers=options.are_numbers)
    return FolderLabels(are_numbers=options.are_numbers)


def _open_sorter(options: Options) -> Sorter | None:
    if options.move_to:
        return Sorter(options.move_to, "move", options.unsure_below)
    if options.link_to:
        return Sorter(options.link_to, "link", options.unsure_below)
    return None
