"""One run of ``digits-batch``: rows are written first, and then all the rest is done with them."""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Self

from digits_client.bulk.pipeline import recognize_items
from digits_client.cli.server_options import ServerOptions

from . import html_report
from .counters import Tally
from .evaluation import Evaluation
from .failed_list import FailedList
from .inputs import items, items_again
from .labels import FileLabels, FolderLabels, Labels
from .options import Options
from .output import Output
from .progress import Total, progress
from .report_data import Report
from .resume import left
from .rows import Row
from .sorting import Sorter, SortingError


class Run:
    """What becomes of the answers. Memory is the same for any number of images."""

    def __init__(self, options: Options) -> None:
        """Prepare.

        Raises:
            UnusableFileError: The labels cannot be used.
        """
        self._options = options
        self._labels = _labels(options)
        self._tally = Tally()
        self._evaluation = Evaluation()
        self._report = Report(self._evaluation)
        self._output = Output(options.form, options.columns, options.output)
        self._failed: FailedList | None = None
        self._sorter = _sorter(options)
        self._unsorted_count = 0
        self._first_unsorted = ""
        self._image_bytes = 0
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Begin the files that are to be written.

        Raises:
            UnusableFileError: There are rows of another run where these are to be written.
            OSError: A file cannot be written.
        """
        self._stack.enter_context(self._output)
        self._output.begin(resumes=self._options.resumes)
        if self._options.errors_to:
            self._failed = FailedList(self._options.errors_to, self._options.separator)
            self._stack.callback(self._failed.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    async def answer(
        self, server: ServerOptions, stdin: BinaryIO | None, stopping: asyncio.Event
    ) -> None:
        """Have the images answered that are not yet, until all are or it is to stop.

        Raises:
            DigitsError: The server cannot be reached or was given up.
            OSError: Something cannot be written.
        """
        self._tally.begin()
        async with server.client() as client:
            self._image_bytes = (await client.model()).limits.max_image_bytes
            wanted = items(self._options, stdin)
            if self._options.resumes:
                self._take(self._output.done(), is_resumed=True)
                wanted = left(wanted, self._output.done())
            shown = progress(
                as_json=self._options.has_json_progress,
                total=lambda: Total(lambda: items_again(self._options)),
            )
            groups = recognize_items(
                client, wanted, give_up_seconds=self._options.give_up_seconds, stopping=stopping
            )
            try:
                async with contextlib.aclosing(groups):
                    async for group in groups:
                        rows = [Row.of(answer) for answer in group]
                        self._output.write(rows)
                        self._take(rows)
                        shown.show(self._tally)
            finally:
                shown.close(self._tally)

    def _take(self, rows: Iterable[Row], *, is_resumed: bool = False) -> None:
        """Do with rows what is done beside writing them."""
        for row in rows:
            self._tally.add(row, is_resumed=is_resumed)
            if self._failed:
                self._failed.add(row)
            location = self._sorted(row)
            label = self._labels.of(row.path) if self._labels else None
            if label is not None:
                self._evaluation.add(row, label, location)
            if self._options.report:
                self._report.add(row, location)

    def _sorted(self, row: Row) -> str | None:
        """Put an image where it belongs, and return where it is; the run goes on in any case."""
        if self._sorter is None:
            return None
        try:
            return self._sorter.place(row, self._image_bytes)
        except SortingError as error:
            self._first_unsorted = self._first_unsorted or str(error)
            self._unsorted_count += 1
            return None

    def finish(self, *, is_complete: bool) -> None:
        """Give the files their names: the rows only if it has come to the end of the images."""
        self._output.finish(is_complete=is_complete)
        if self._failed and is_complete:
            self._failed.finish()
        if self._options.report and (is_complete or self._tally.count):
            html_report.write(self._options.report, self._report, self._tally, self._image_bytes)

    def summary(self) -> Iterator[str]:
        """Yield the closing lines."""
        if self._evaluation.labelled_count:
            yield from self._evaluation.summary()
        if self._failed and self._failed.unlisted_count:
            yield (
                f"{self._failed.unlisted_count:,} failed images are not in "
                f"{self._options.errors_to}, since their paths have line ends: use --null"
            )
        if self._unsorted_count:
            yield f"{self._unsorted_count:,} images are not sorted: {self._first_unsorted} ..."
        if self._is_below_minimum:
            yield (
                f"the accuracy of {self._evaluation.labelled_count:,} labelled images is below "
                f"{self._options.min_accuracy:.2%}"
            )
        yield str(self._tally)

    def how_to_resume(self) -> str:
        """Return how to go on, to be put behind what went wrong; empty where there is no way."""
        options = self._options
        if options.output is None or options.form == "table" or not self._tally.count:
            return ""
        return (
            f"; {self._tally.count:,} rows are in {self._output.part}: for the rest, say the same "
            "with --resume"
        )

    @property
    def has_failed(self) -> bool:
        """Whether images failed or could not be sorted, or too few are right."""
        return bool(self._tally.failed_count or self._unsorted_count or self._is_below_minimum)

    @property
    def _is_below_minimum(self) -> bool:
        least = self._options.min_accuracy
        return least is not None and self._evaluation.accuracy < least


def _labels(options: Options) -> Labels | None:
    if not options.has_labels:
        return None
    return FileLabels(options.labels) if options.labels else FolderLabels()


def _sorter(options: Options) -> Sorter | None:
    if options.sort_to is None:
        return None
    return Sorter(options.sort_to, "move" if options.move_to else "link", options.unsure_below)
