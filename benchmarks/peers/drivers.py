"""Drivers: they check a running contender, and load it."""

import json
import selectors
import subprocess
import time
import typing
from typing import Any, Final

import numpy as np

from benchmarks.h2load import Load, load
from benchmarks.peers import protocols
from benchmarks.peers.process_tree import Server, accepts_connections
from benchmarks.peers.protocols import CallError, Probs, Protocol
from benchmarks.peers.reference import BATCH_SIZE, Reference

READY_SECONDS: Final = 90.0
POLL_SECONDS: Final = 0.01
RESPONSE_SECONDS: Final = 10.0
CONNECTIONS: Final = 8
"""Connections that share the calls in flight, where a connection carries more than one call."""
BATCHES_IN_FLIGHT: Final = 4
"""Enough that no contender waits for the network between two batches."""
WARM_UP_SECONDS: Final = 0.5
CHECKED_IMAGES: Final = 16
"""Images that are checked in calls with one image."""
PROGRAM_TOLERANCE: Final = 1e-3


class DriverError(Exception):
    """A contender does not run, or its predictions are wrong."""


class Driver(typing.Protocol):
    """Checks and loads a contender."""

    concurrencies: tuple[int, ...]
    """Numbers of calls in flight to choose the best from; empty if it cannot be chosen."""

    def wait_until_ready(self) -> None:
        """Return at the first correct response."""

    def check(self) -> None:
        """Check the predictions of calls with one image and of a batch."""

    def load_single(self, seconds: float, in_flight: int, rate: float | None = None) -> Load:
        """Load it with one image per call."""

    def load_batches(self, seconds: float) -> Load:
        """Load it with BATCH_SIZE images per call."""


def check_probs(probs: Probs, expected: Probs, tolerance: float) -> None:
    """Compare probabilities with the expected ones.

    Raises:
        DriverError: A digit differs, or a probability by more than the tolerance.
    """
    if probs.shape != expected.shape:
        raise DriverError(f"probabilities have the shape {probs.shape}, not {expected.shape}")
    if (probs.argmax(axis=1) != expected.argmax(axis=1)).any():
        raise DriverError("a predicted digit is wrong")
    difference = float(np.abs(probs - expected).max())
    if difference > tolerance:
        raise DriverError(f"a probability is off by {difference:.2g}")


class ServerDriver:
    """Drives a server over the network."""

    def __init__(
        self,
        server: Server,
        protocol: Protocol,
        reference: Reference,
        concurrencies: tuple[int, ...],
        tolerance: float,
    ) -> None:
        """Prepare the requests for a server that has just been started.

        Args:
            server: The server.
            protocol: Its protocol.
            reference: The images to send, and the expected probabilities.
            concurrencies: Numbers of calls in flight to choose the best from.
            tolerance: Largest difference of a probability from the expected one.
        """
        self.concurrencies = concurrencies
        self._server = server
        self._protocol = protocol
        self._reference = reference
        self._tolerance = tolerance
        self._single = protocol.encode_single(reference.images[:1])
        self._batch = protocol.encode_batch(reference.images)
        self._responses: dict[bytes, bytes] = {}

    def wait_until_ready(self) -> None:
        """Return at the first correct response."""
        deadline = time.monotonic() + READY_SECONDS
        problem = "it does not listen"
        while time.monotonic() < deadline:
            if self._server.process.poll() is not None:
                raise DriverError(f"it exited: {self._server.log_tail()}")
            # Cheaper than a call, which would slow down the start.
            if accepts_connections(self._server.address):
                try:
                    self._check_single(0)
                except (CallError, DriverError, ValueError) as error:
                    problem = str(error)
                else:
                    return
            time.sleep(POLL_SECONDS)
        raise DriverError(f"not ready within {READY_SECONDS:g} s: {problem[-500:]}")

    def check(self) -> None:
        """Check the predictions of calls with one image and of a batch."""
        try:
            for index in range(CHECKED_IMAGES):
                self._check_single(index)
            body = self._call(self._protocol.batch_path, self._batch)
        except CallError as error:
            raise DriverError(str(error)) from error
        check_probs(self._protocol.decode_batch(body), self._reference.probs, self._tolerance)
        self._responses[self._batch] = body
        self._responses[self._single] = self._call(self._protocol.single_path, self._single)

    def load_single(self, seconds: float, in_flight: int, rate: float | None = None) -> Load:
        """Load the server with one image per call."""
        return self._load(self._protocol.single_path, self._single, seconds, in_flight, rate)

    def load_batches(self, seconds: float) -> Load:
        """Load the server with BATCH_SIZE images per call."""
        return self._load(self._protocol.batch_path, self._batch, seconds, BATCHES_IN_FLIGHT, None)

    def _load(
        self, path: str, body: bytes, seconds: float, in_flight: int, rate: float | None
    ) -> Load:
        kind = self._protocol.kind
        connections = min(CONNECTIONS, in_flight) if kind == "grpc" else in_flight
        return load(
            self._server.address,
            path,
            body,
            kind=kind,
            connections=connections,
            streams=-(-in_flight // connections),
            seconds=seconds,
            warm_up_seconds=WARM_UP_SECONDS,
            rate=rate,
            content_type=self._protocol.content_type,
            correct_response=self._responses[body],
        )

    def _check_single(self, index: int) -> None:
        image = self._reference.images[index : index + 1]
        body = self._call(self._protocol.single_path, self._protocol.encode_single(image))
        expected = self._reference.probs[index : index + 1]
        check_probs(self._protocol.decode_single(body), expected, self._tolerance)

    def _call(self, path: str, body: bytes) -> bytes:
        return self._protocol.call(self._server.address, path, body, RESPONSE_SECONDS)


class ProgramDriver:
    """Drives a program that predicts in its own process; see ``tutorial/server.py``."""

    concurrencies: tuple[int, ...] = ()

    def __init__(self, server: Server, reference: Reference) -> None:
        """Take a program that has just been started with a pipe for its output."""
        self._server = server
        self._reference = reference

    def wait_until_ready(self) -> None:
        """Return at the first correct response."""
        self._check(1, READY_SECONDS)

    def check(self) -> None:
        """Check the predictions for one image and for a batch."""
        self._check(1, RESPONSE_SECONDS)
        self._check(BATCH_SIZE, RESPONSE_SECONDS)

    def load_single(self, seconds: float, in_flight: int, rate: float | None = None) -> Load:
        """Predict one image per call; the program always has one call in flight."""
        del in_flight
        return self._load(1, seconds, rate)

    def load_batches(self, seconds: float) -> Load:
        """Predict BATCH_SIZE images per call."""
        return self._load(BATCH_SIZE, seconds, None)

    def _check(self, count: int, timeout_seconds: float) -> None:
        probs = np.array(self._request({"predict": count}, timeout_seconds), np.float32)
        expected = self._reference.probs[:count]
        check_probs(protocols.digit_probs(probs), expected, PROGRAM_TOLERANCE)

    def _load(self, count: int, seconds: float, rate: float | None) -> Load:
        request = {"images": count, "seconds": seconds, "rate": rate}
        figures = self._request(request, seconds + RESPONSE_SECONDS)
        return Load(**figures, failed=0, ended=figures["succeeded"], data_bytes=0)

    def _request(self, request: dict[str, Any], timeout_seconds: float) -> Any:
        process: subprocess.Popen[bytes] = self._server.process
        if process.stdin is None or process.stdout is None:
            raise DriverError("it was started without pipes")
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise DriverError(f"it exited: {self._server.log_tail()}") from None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            if not selector.select(timeout_seconds):
                raise DriverError(f"no response within {timeout_seconds:g} s")
        line = process.stdout.readline()
        if not line:
            raise DriverError(f"it exited: {self._server.log_tail()}")
        return json.loads(line)
