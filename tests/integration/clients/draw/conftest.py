"""A session, a fake server that can hold its responses, and a connection that can be cut."""

import contextlib
import io
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from PIL import Image

from digits.v1 import recognizer_pb2 as pb
from digits_client.cli.server_options import ServerOptions
from digits_client.draw.diagnose import diagnose
from digits_client.draw.events import Event
from digits_client.draw.session import Session
from digits_client.errors import DeadlineError
from tests.integration.clients.conftest import FakeRecognizer, serving

TIMEOUT_SECONDS = 30
REJECTED_WIDTH = 10
Wanted = TypeVar("Wanted", bound=Event)


class WidthRecognizer(FakeRecognizer):
    """Predicts the last digit of an image's width, and rejects one that is 10 pixels wide."""

    def __init__(self) -> None:
        super().__init__()
        self.image_received = threading.Semaphore(0)
        """Released once for each image."""
        self.widths: list[int] = []
        """The width of each image that was received."""
        self.may_respond = threading.Event()
        """Responses to images wait until it is set."""
        self.may_respond.set()

    def _result(self, image: pb.Image, include_frame: bool) -> pb.RecognizeResult:
        width = Image.open(io.BytesIO(image.encoded)).width
        self.widths.append(width)
        self.image_received.release()
        self.may_respond.wait()
        content = b"" if width == REJECTED_WIDTH else str(width).encode()
        return super()._result(pb.Image(encoded=content), include_frame)


class RecordedSession:
    """A session that is under test, and its events."""

    def __init__(self, address: str, token_file: Path | None = None) -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        token = str(token_file) if token_file else None
        self.session = Session(ServerOptions(address, token_file=token), self.events.put)

    def wait_for(self, kind: type[Wanted]) -> Wanted:
        """Wait for the next event of a kind; skip others."""
        while not isinstance(event := self.next_event(), kind):
            pass
        return event

    def next_event(self) -> Event:
        """Wait for the next event."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while True:
            is_alive = self.session._thread.is_alive()
            with contextlib.suppress(queue.Empty):
                return self.events.get(timeout=0.1)
            assert is_alive, "the session's thread has ended"
            assert time.monotonic() < deadline, "the session delivered no event in time"


class TcpProxy:
    """Forwards connections to a server; all of them can be cut, as by a broken network."""

    def __init__(self, server_address: str) -> None:
        host, _, port = server_address.rpartition(":")
        self._server = (host, int(port))
        self._port = 0
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.restore()
        self.address = f"127.0.0.1:{self._port}"

    def restore(self) -> None:
        """Listen again, on the same port."""
        listener = socket.create_server(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        self._sockets.append(listener)
        self._start(self._accept, listener)

    def cut(self) -> None:
        """Close all connections and stop listening."""
        for end in self._sockets:
            with contextlib.suppress(OSError):  # the other side closed it already
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in self._sockets:
            end.close()
        self._sockets.clear()
        self._threads.clear()

    def _start(self, target: Callable[..., None], *sockets: socket.socket) -> None:
        self._threads.append(threading.Thread(target=target, args=sockets))
        self._threads[-1].start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(self._server)
                self._sockets += [near, far]
                self._start(self._forward, near, far)
                self._start(self._forward, far, near)

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(65536):
                sink.sendall(content)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


def image(width: int) -> Image.Image:
    return Image.new("L", (width, 4))


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def timeout_reason(address: str) -> str:
    """Return the reason that is shown for a server that does not respond."""
    return diagnose(DeadlineError(""), address)


def refused_reason(address: str) -> str:
    """Return the reason that is shown for an address on which no server listens."""
    return f"No server is listening at {address}."


def session_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "digits session"]


@pytest.fixture
def recognizer() -> Iterator[WidthRecognizer]:
    """A running server."""
    fake = WidthRecognizer()
    with serving(fake):
        yield fake
        fake.may_respond.set()


@pytest.fixture
def proxy(recognizer: WidthRecognizer) -> Iterator[TcpProxy]:
    """A proxy in front of the server."""
    proxy = TcpProxy(recognizer.address)
    yield proxy
    proxy.cut()


@pytest.fixture
def stopped_recognizer() -> WidthRecognizer:
    """A server that was stopped, so that nothing listens on its port."""
    fake = WidthRecognizer()
    with serving(fake):
        pass
    return fake


@pytest.fixture
def open_session() -> Iterator[Callable[..., RecordedSession]]:
    """A function that opens a session, which is closed when the test ends."""
    opened: list[RecordedSession] = []

    def open_session(*arguments: Any) -> RecordedSession:
        opened.append(RecordedSession(*arguments))
        return opened[-1]

    yield open_session
    for recorded in opened:
        recorded.session.close()
    assert not session_threads()
