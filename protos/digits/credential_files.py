"""Files with credentials, which are read off the event loop and again when they change."""

import asyncio
import concurrent.futures
import contextlib
import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Generic, TypeVar

logger = logging.getLogger(__name__)

MAX_FILE_BYTES: Final = 2**20
START_SECONDS: Final = 10.0
_CHECK_SECONDS: Final = 0.5
T = TypeVar("T")


class CredentialsError(Exception):
    """A certificate, key or token file cannot be used."""


class ReloadedFiles(Generic[T]):
    """A value that is loaded from files, and loaded again while ``reloading`` lasts.

    A thread of its own loads it, because a file may hang, as on a network mount whose server is
    gone. The thread is a daemon, so that it does not delay the end of the process either.
    """

    def __init__(
        self, name: str, load: Callable[[T | None], T], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Load the value.

        Args:
            name: Name of the value in the log, such as "token file".
            load: Returns the value of the files as they are now; gets the current value, and None
                at first. Raises CredentialsError if the files are invalid.
            clock: Seconds on a clock that never goes back.

        Raises:
            CredentialsError: The files are invalid.
        """
        self._name = name
        self._load = load
        self._clock = clock
        self._last_warning = ""
        self.value = load(None)
        """The last valid value."""
        self._loaded = clock()

    @property
    def age_seconds(self) -> float:
        """Time since the files were last read and valid."""
        return self._clock() - self._loaded

    def reload(self) -> None:
        """Load the value, or keep the current one and log each new reason once."""
        try:
            self.value = self._load(self.value)
        except CredentialsError as error:
            if str(error) != self._last_warning:
                logger.warning("the previous %s stays in use: %s", self._name, error)
            self._last_warning = str(error)
        except Exception as error:  # the thread has to go on
            if repr(error) != self._last_warning:
                logger.exception("the %s cannot be loaded", self._name)
            self._last_warning = repr(error)
        else:
            self._loaded, self._last_warning = self._clock(), ""

    @contextlib.contextmanager
    def reloading(self) -> Iterator[None]:
        """Reload the value every half second for as long as the context lasts."""
        ending = threading.Event()

        def reload_until_the_end() -> None:
            while not ending.wait(_CHECK_SECONDS):
                self.reload()

        threading.Thread(target=reload_until_the_end, name=self._name, daemon=True).start()
        try:
            yield
        finally:
            ending.set()


async def load_in_thread(load: Callable[[], T], file: str) -> T:
    """Call a function that reads files, and may hang, and return what it returns.

    Args:
        load: The function.
        file: A file that it reads, for the message of the error.

    Raises:
        CredentialsError: It takes longer than ``START_SECONDS``, or raises this error itself.
    """
    outcome: concurrent.futures.Future[T] = concurrent.futures.Future()

    def run() -> None:
        outcome.set_running_or_notify_cancel()
        try:
            outcome.set_result(load())
        except BaseException as error:  # noqa: BLE001 - the caller gets it
            outcome.set_exception(error)

    threading.Thread(target=run, name="credentials", daemon=True).start()
    try:
        return await asyncio.wait_for(asyncio.wrap_future(outcome), START_SECONDS)
    except TimeoutError as error:
        raise CredentialsError(f"{file} could not be read within {START_SECONDS:g} s") from error


def read_file(path: Path) -> bytes:
    """Return the content of a regular file.

    Raises:
        CredentialsError: It cannot be read, is not a regular file, or is larger than
            ``MAX_FILE_BYTES``.
    """
    try:
        with open(path, "rb", opener=_open_regular) as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise CredentialsError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise CredentialsError(f"{path} is larger than {MAX_FILE_BYTES} bytes")
    return content


def _open_regular(path: str, flags: int) -> int:
    # Does not wait for the writer of a FIFO. Windows has neither the flag nor FIFOs.
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise CredentialsError(f"{path} is not a regular file")
    return descriptor
