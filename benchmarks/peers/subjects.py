"""Contenders that run, and the loads that are put on them."""

import json
import selectors
import subprocess
import time
from typing import Any, Final, Protocol

import numpy as np

from benchmarks.h2load import Load, load
from benchmarks.peers import protocols
from benchmarks.peers.images import MANY, Questions
from benchmarks.peers.processes import Server, listens
from benchmarks.peers.protocols import AskError, Probs

READY_SECONDS: Final = 90.0
POLL_SECONDS: Final = 0.01
ANSWER_SECONDS: Final = 10.0
CONNECTIONS: Final = 8
"""Over which the calls in flight are spread where a connection carries more than one."""
MANY_IN_FLIGHT: Final = 4
"""Calls of many images: enough that none waits for the network's answer on the way."""
WARM_UP_SECONDS: Final = 0.5
CHECKED: Final = 16
"""Images that are asked for one by one, to see that the answers are right."""
TOLERANCE: Final = 1e-3


class SubjectError(Exception):
    """A contender does not run, or answers wrong."""


class Subject(Protocol):
    """A contender that runs."""

    concurrencies: tuple[int, ...]
    """Calls in flight of which the best is sought; none: whatever it does."""

    def wait(self) -> None:
        """Return at the first right answer."""

    def check(self) -> None:
        """See that it answers right, one image and many."""

    def one(self, seconds: float, in_flight: int, rate: float | None = None) -> Load:
        """Ask for one image a call."""

    def many(self, seconds: float) -> Load:
        """Ask for MANY images a call."""


def compare(probs: Probs, expected: Probs) -> None:
    """See that answers are right.

    Raises:
        SubjectError: They are not.
    """
    if probs.shape != expected.shape:
        raise SubjectError(f"{probs.shape} answers to {expected.shape} questions")
    if (probs.argmax(axis=1) != expected.argmax(axis=1)).any():
        raise SubjectError("it takes a digit for another")
    difference = float(np.abs(probs - expected).max())
    if difference > TOLERANCE:
        raise SubjectError(f"a probability is off by {difference:.2g}")


class Service:
    """A server that is asked over the network."""

    def __init__(
        self,
        server: Server,
        protocol: protocols.Protocol,
        questions: Questions,
        concurrencies: tuple[int, ...],
    ) -> None:
        """Take a server that was just started."""
        self.concurrencies = concurrencies
        self._server = server
        self._protocol = protocol
        self._questions = questions
        self._one = protocol.encode_one(questions.images[:1])
        self._many = protocol.encode_many(questions.images)
        self._answer_bytes: dict[bytes, int] = {}

    def wait(self) -> None:
        """Return at the first right answer."""
        deadline = time.monotonic() + READY_SECONDS
        problem = "it does not listen"
        while time.monotonic() < deadline:
            if self._server.process.poll() is not None:
                raise SubjectError(f"it ended: {self._server.log_tail()}")
            # Cheaper than a call, and so more often.
            if listens(self._server.address):
                try:
                    self._check_one(0)
                except (AskError, SubjectError, ValueError) as error:
                    problem = str(error)
                else:
                    return
            time.sleep(POLL_SECONDS)
        raise SubjectError(f"no answer in {READY_SECONDS:g} s: {problem[-500:]}")

    def check(self) -> None:
        """See that it answers right, one image and many."""
        try:
            for place in range(CHECKED):
                self._check_one(place)
            answer = self._ask(self._protocol.many_path, self._many)
        except AskError as error:
            raise SubjectError(str(error)) from error
        compare(self._protocol.decode_many(answer), self._questions.probs)
        self._answer_bytes[self._many] = len(answer)
        self._answer_bytes[self._one] = len(self._ask(self._protocol.one_path, self._one))

    def one(self, seconds: float, in_flight: int, rate: float | None = None) -> Load:
        """Ask for one image a call."""
        return self._load(self._protocol.one_path, self._one, seconds, in_flight, rate)

    def many(self, seconds: float) -> Load:
        """Ask for MANY images a call."""
        return self._load(self._protocol.many_path, self._many, seconds, MANY_IN_FLIGHT, None)

    def _load(
        self, path: str, body: bytes, seconds: float, in_flight: int, rate: float | None
    ) -> Load:
        kind = self._protocol.kind
        connections = min(CONNECTIONS, in_flight) if kind == "grpc" else in_flight
        result = load(
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
        )
        # Shorter ones are refusals, that HTTP's status does not tell in gRPC.
        whole = (self._framing_bytes + self._answer_bytes[body]) * 0.98
        if result.answer_bytes < whole or result.failed > result.answered / 100:
            raise SubjectError(f"it refuses calls: {result}, not {whole:.0f} bytes an answer")
        return result

    @property
    def _framing_bytes(self) -> int:
        return 5 if self._protocol.kind == "grpc" else 0

    def _check_one(self, place: int) -> None:
        images = self._questions.images[place : place + 1]
        answer = self._ask(self._protocol.one_path, self._protocol.encode_one(images))
        compare(self._protocol.decode_one(answer), self._questions.probs[place : place + 1])

    def _ask(self, path: str, body: bytes) -> bytes:
        return self._protocol.ask(self._server.address, path, body, ANSWER_SECONDS)


class Program:
    """A program that answers itself, one call at a time; see ``tutorial/server.py``."""

    concurrencies: tuple[int, ...] = ()

    def __init__(self, server: Server, questions: Questions) -> None:
        """Take a program that was just started."""
        self._server = server
        self._questions = questions

    def wait(self) -> None:
        """Return at the first right answer."""
        self._compare(1, READY_SECONDS)

    def check(self) -> None:
        """See that it answers right, one image and many."""
        self._compare(1, ANSWER_SECONDS)
        self._compare(MANY, ANSWER_SECONDS)

    def one(self, seconds: float, in_flight: int, rate: float | None = None) -> Load:
        """Predict one image a call, whatever is asked to be in flight."""
        del in_flight
        return self._measure(1, seconds, rate)

    def many(self, seconds: float) -> Load:
        """Predict MANY images a call."""
        return self._measure(MANY, seconds, None)

    def _compare(self, count: int, timeout: float) -> None:
        probs = np.array(self._ask({"answer": count}, timeout), np.float32)
        compare(protocols.given_digit(probs), self._questions.probs[:count])

    def _measure(self, count: int, seconds: float, rate: float | None) -> Load:
        asked = {"images": count, "seconds": seconds, "rate": rate}
        figures = self._ask(asked, seconds + ANSWER_SECONDS)
        return Load(**figures, failed=0, answer_bytes=0)

    def _ask(self, question: dict[str, Any], timeout: float) -> Any:
        process: subprocess.Popen[bytes] = self._server.process
        if process.stdin is None or process.stdout is None:
            raise SubjectError("it was started without pipes")
        try:
            process.stdin.write(json.dumps(question).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise SubjectError(f"it ended: {self._server.log_tail()}") from None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            if not selector.select(timeout):
                raise SubjectError(f"no answer in {timeout:g} s")
        line = process.stdout.readline()
        if not line:
            raise SubjectError(f"it ended: {self._server.log_tail()}")
        return json.loads(line)
