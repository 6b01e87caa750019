"""Callers that count every answer, and models for them to be answered by."""

import dataclasses
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from digits_client import Client
from digits_server import models
from digits_server.settings import SHIPPED_MODELS

PATIENCE_SECONDS = 30
SAMPLES = [f"samples/{digit}/marker.png" for digit in range(10)]


class Load:
    """Asks for the samples again and again from several threads until it is told to end."""

    def __init__(self, address: str, timeout_seconds: float = 20) -> None:
        self.versions: set[str] = set()
        """Of the models that answered."""
        self._address = address
        self._timeout_seconds = timeout_seconds
        self._ending = threading.Event()
        self._asked = threading.Semaphore(0)
        self._threads = ThreadPoolExecutor(4)
        self._done = [self._threads.submit(self._ask) for _ in range(4)]

    def _ask(self) -> list[tuple[int, int | None]]:
        """Return what was asked with what was answered: each call once."""
        answers = []
        with Client(self._address, timeout_seconds=self._timeout_seconds) as client:
            while not self._ending.is_set():
                for digit, sample in enumerate(SAMPLES):
                    answer = client.recognize(sample)
                    answers.append((digit, answer.digit))
                    self.versions.add(answer.model_version)
                    self._asked.release()
        return answers

    def wait_for(self, count: int) -> None:
        """Wait until so many more calls have been answered, from now on."""
        while self._asked.acquire(blocking=False):
            pass
        for _ in range(count):
            assert self._asked.acquire(timeout=PATIENCE_SECONDS)

    def end(self) -> list[tuple[int, int | None]]:
        """Return all answers.

        Raises:
            DigitsError: A call failed.
        """
        self._ending.set()
        answers = [answer for done in self._done for answer in done.result()]
        self._threads.shutdown()
        return answers


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.02)


def add_model(models_dir: Path, version: int) -> Path:
    shipped = SHIPPED_MODELS / str(models.versions(SHIPPED_MODELS)[0])
    part, folder = models_dir / f"{version}.part", models_dir / str(version)
    shutil.copytree(shipped, part)
    manifest = models.Manifest.read(shipped)
    dataclasses.replace(manifest, version=str(version)).write(part)
    return part.rename(folder)
