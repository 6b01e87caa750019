"""The window's conversation with a server: through every loss of it, and never waiting."""

import contextlib
import io
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import grpc
import numpy as np
import pytest
from PIL import Image

from digits.v1 import recognizer_pb2 as pb
from digits_client.cli.server_options import ServerOptions
from digits_client.draw import session as session_module
from digits_client.draw.events import Answered, Connected, Connecting, Disconnected, Event, Failed
from digits_client.draw.session import Session
from digits_client.errors import UnavailableError

from .conftest import FakeRecognizer, retry_info, serving

PATIENCE_SECONDS = 30
Wanted = TypeVar("Wanted", bound=Event)


class Reader(FakeRecognizer):
    """Answers an image's width; refuses one that is 10 wide. Holds images while it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Semaphore(0)
        """Released by each image."""
        self.streamed: list[int] = []
        self.image_free = threading.Event()
        self.image_free.set()

    def _result(self, image: pb.Image, include_frame: bool) -> pb.RecognizeResult:
        width = Image.open(io.BytesIO(image.encoded)).width
        self.streamed.append(width)
        self.reached.release()
        self.image_free.wait()
        content = b"" if width == 10 else str(width).encode()
        return super()._result(pb.Image(encoded=content), include_frame)


class Conversation:
    """A session and the events that it has told."""

    def __init__(self, address: str, token_file: Path | None = None) -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        token = str(token_file) if token_file else None
        self.session = Session(ServerOptions(address, token_file=token), self.events.put)

    def next(self, kind: type[Wanted]) -> Wanted:
        """Wait for the next event of a kind; others are passed over."""
        while not isinstance(event := self.any(), kind):
            pass
        return event

    def any(self) -> Event:
        """Wait for the next event."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            lives = self.session._thread.is_alive()
            with contextlib.suppress(queue.Empty):
                return self.events.get(timeout=0.1)
            assert lives, "the session's thread has ended"
            assert time.monotonic() < until, "the session says nothing"


class Line:
    """The way to a server, which can be cut as a cable can, and mended."""

    def __init__(self, server_address: str) -> None:
        host, _, port = server_address.rpartition(":")
        self._server = (host, int(port))
        self._port = 0
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.mend()
        self.address = f"127.0.0.1:{self._port}"

    def mend(self) -> None:
        listener = socket.create_server(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        self._sockets.append(listener)
        self._begin(self._accept, listener)

    def cut(self) -> None:
        for end in self._sockets:
            with contextlib.suppress(OSError):  # the other side was faster
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in self._sockets:
            end.close()
        self._sockets.clear()
        self._threads.clear()

    def _begin(self, do: Callable[..., None], *ends: socket.socket) -> None:
        self._threads.append(threading.Thread(target=do, args=ends))
        self._threads[-1].start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(self._server)
                self._sockets += [near, far]
                self._begin(self._carry, near, far)
                self._begin(self._carry, far, near)

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(65536):
                sink.sendall(content)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def line(reader: "Reader") -> Iterator[Line]:
    """The way to the server."""
    line = Line(reader.address)
    yield line
    line.cut()


@pytest.fixture
def reader() -> Iterator[Reader]:
    """The server behind the session."""
    fake = Reader()
    with serving(fake):
        yield fake
        fake.image_free.set()


@pytest.fixture
def talk() -> Iterator[Callable[..., Conversation]]:
    """Begins conversations that end with the test."""
    begun: list[Conversation] = []

    def talk(*where: Any) -> Conversation:
        begun.append(Conversation(*where))
        return begun[-1]

    yield talk
    for conversation in begun:
        conversation.session.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "digits session"]


def image(width: int) -> Image.Image:
    return Image.new("L", (width, 4))


@pytest.mark.parametrize("live", [True, False])
def test_an_image_is_answered_with_its_ticket(talk: Any, reader: Reader, live: bool) -> None:
    conversation = talk(reader.address)
    assert isinstance(conversation.any(), Connecting)
    assert conversation.next(Connected).model.version == "5"
    conversation.session.send(41, image(3), live=live)
    answer = conversation.next(Answered)
    assert (answer.ticket, answer.prediction.digit) == (41, 3)
    assert answer.prediction.frame is not None
    assert answer.round_trip_seconds > 0
    assert isinstance(reader.requests[0], pb.StreamingRecognizeRequest) is live


def test_while_one_is_on_its_way_only_the_newest_waits(talk: Any, reader: Reader) -> None:
    conversation = talk(reader.address)
    conversation.next(Connected)
    reader.image_free.clear()
    conversation.session.send(1, image(1))
    assert reader.reached.acquire(timeout=PATIENCE_SECONDS)
    for ticket in range(2, 10):
        conversation.session.send(ticket, image(ticket))
    reader.image_free.set()
    assert conversation.next(Answered).ticket == 1
    assert conversation.next(Answered).ticket == 9
    assert reader.streamed == [1, 9]


def test_what_the_server_refuses_leaves_the_conversation_alone(talk: Any, reader: Reader) -> None:
    conversation = talk(reader.address)
    for live in (True, False):
        conversation.session.send(1, image(10), live=live)
        assert "image is unset" in conversation.next(Failed).reason
    conversation.session.send(2, image(2))
    assert conversation.next(Answered).ticket == 2


@pytest.mark.parametrize("live", [True, False])
def test_a_stopped_server_is_told_and_the_newest_image_is_answered_when_it_is_back(
    talk: Any, live: bool
) -> None:
    first, second = Reader(), Reader()
    with serving(first):
        conversation = talk(first.address)
        conversation.session.send(6, image(6), live=live)
        assert conversation.next(Answered).ticket == 6
    assert first.address in conversation.next(Disconnected).reason
    for ticket in (7, 8):
        conversation.session.send(ticket, image(ticket), live=live)
    with serving(second, port=int(first.address.rpartition(":")[2])):
        assert conversation.next(Connected).address == first.address
        assert conversation.next(Answered).ticket == 8
    assert second.streamed == [8]


def test_a_server_that_never_answers_counts_as_lost(
    talk: Any, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "ANSWER_SECONDS", 0.2)
    conversation = talk(reader.address)
    conversation.next(Connected)
    reader.image_free.clear()
    conversation.session.send(1, image(1))
    assert "did not respond in time" in conversation.next(Disconnected).reason
    reader.image_free.set()
    assert conversation.next(Answered).ticket == 1


def test_a_server_that_never_answers_counts_as_lost_however_long_that_takes(
    talk: Any, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert session_module.ANSWER_SECONDS > session_module.LAST_BACKOFF_SECONDS
    monkeypatch.setattr(session_module, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(session_module, "LAST_BACKOFF_SECONDS", 0.2)
    conversation = talk(reader.address)
    conversation.next(Connected)
    reader.image_free.clear()
    conversation.session.send(1, image(1))
    told = conversation.any()
    assert isinstance(told, Disconnected)
    assert "did not respond in time" in told.reason


def test_a_server_that_tells_no_model_is_none(
    talk: Any, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "CONNECT_SECONDS", 0.2)
    reader.go_on.clear()
    conversation = talk(reader.address)
    assert "did not respond in time" in conversation.next(Disconnected).reason
    assert reader.seconds_left[0] <= 0.2
    reader.go_on.set()
    assert conversation.next(Connected).address == reader.address


def test_one_that_is_older_than_its_server_connects_by_itself(talk: Any) -> None:
    fake = Reader()
    with serving(fake):
        pass  # now its port is known, and nobody is there
    conversation = talk(fake.address)
    conversation.session.send(5, image(5))
    assert "No server is listening" in conversation.next(Disconnected).reason
    with serving(fake, port=int(fake.address.rpartition(":")[2])):
        assert conversation.next(Connected).address == fake.address
        assert conversation.next(Answered).ticket == 5


@pytest.mark.parametrize("live", [True, False])
def test_an_image_that_was_on_its_way_when_the_line_was_cut_is_answered_later(
    talk: Any, reader: Reader, line: Line, live: bool
) -> None:
    conversation = talk(line.address)
    conversation.next(Connected)
    reader.image_free.clear()
    conversation.session.send(7, image(7), live=live)
    assert reader.reached.acquire(timeout=PATIENCE_SECONDS)
    line.cut()
    assert conversation.next(Disconnected).retry_seconds < 1
    reader.image_free.set()
    line.mend()
    conversation.next(Connected)
    answer = conversation.next(Answered)
    assert (answer.ticket, answer.prediction.digit) == (7, 7)


@pytest.mark.parametrize("live", [True, False])
def test_a_newer_image_takes_the_place_of_one_whose_line_was_cut(
    talk: Any, reader: Reader, line: Line, live: bool
) -> None:
    conversation = talk(line.address)
    conversation.next(Connected)
    reader.image_free.clear()
    conversation.session.send(7, image(7), live=live)
    assert reader.reached.acquire(timeout=PATIENCE_SECONDS)
    conversation.session.send(8, image(8), live=live)
    line.cut()
    conversation.next(Disconnected)
    reader.image_free.set()
    line.mend()
    assert conversation.next(Answered).ticket == 8
    assert reader.streamed == [7, 8]


def test_an_image_that_was_answered_is_not_asked_again(
    talk: Any, reader: Reader, line: Line
) -> None:
    conversation = talk(line.address)
    conversation.session.send(1, image(1))
    conversation.next(Answered)
    line.cut()
    conversation.next(Disconnected)
    line.mend()
    conversation.next(Connected)
    conversation.session.send(2, image(2))
    assert conversation.next(Answered).ticket == 2
    assert reader.streamed == [1, 2]


def test_a_line_that_was_cut_while_nothing_was_asked_is_told_at_once(talk: Any, line: Line) -> None:
    conversation = talk(line.address)
    conversation.next(Connected)
    line.cut()
    assert conversation.next(Disconnected).reason


def test_a_server_that_was_there_and_went_is_not_taken_for_one_of_tls(
    talk: Any, line: Line
) -> None:
    conversation = talk(line.address)
    conversation.session.send(1, image(1))
    conversation.next(Answered)
    line.cut()
    assert "TLS" not in conversation.next(Disconnected).reason


def test_it_can_be_told_to_try_again_at_once(talk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "FIRST_BACKOFF_SECONDS", 3600.0)
    fake = Reader()
    with serving(fake):
        pass
    conversation = talk(fake.address)
    assert conversation.next(Disconnected).retry_seconds > 1000
    with serving(fake, port=int(fake.address.rpartition(":")[2])):
        conversation.session.try_again()
        conversation.next(Connected)


def test_a_refused_token_is_told_and_the_right_one_taken_when_it_comes(
    talk: Any, reader: Reader, tmp_path: Path
) -> None:
    token_file = tmp_path / "token"
    reader.fail(grpc.StatusCode.UNAUTHENTICATED)
    conversation = talk(reader.address, token_file)
    assert f"{token_file} cannot be read" in conversation.next(Disconnected).reason
    assert reader.attempt_count == 0
    token_file.write_text("any")
    assert "requires a valid token" in conversation.next(Disconnected).reason
    conversation.next(Connected)


def test_an_image_that_a_busy_server_turns_away_leaves_the_conversation_alone(
    talk: Any, reader: Reader
) -> None:
    conversation = talk(reader.address)
    conversation.session.send(1, image(1))
    conversation.next(Answered)
    reader.fail(grpc.StatusCode.RESOURCE_EXHAUSTED, details=retry_info(1))
    conversation.session.send(2, image(2), live=False)
    failed = conversation.any()
    assert isinstance(failed, Failed)
    assert (failed.ticket, "is overloaded" in failed.reason) == (2, True)
    conversation.session.send(3, image(3), live=False)
    assert isinstance(conversation.any(), Answered)


@pytest.mark.parametrize(
    "live",
    [
        True,
        False,
    ],
)
def test_an_image_of_more_bytes_than_a_message_may_have_has_no_answer(
    talk: Any, reader: Reader, live: bool
) -> None:
    conversation = talk(reader.address)
    conversation.next(Connected)
    noise = np.random.default_rng(0).integers(0, 256, (1250, 1250, 3), np.uint8)  # gRPC takes 4 MiB
    conversation.session.send(1, Image.fromarray(noise), live=live)
    assert isinstance(conversation.any(), Failed)


@pytest.mark.parametrize("live", [True, False])
def test_an_answer_that_makes_no_sense_is_not_the_end_of_the_conversation(
    talk: Any, reader: Reader, monkeypatch: pytest.MonkeyPatch, live: bool
) -> None:
    monkeypatch.setattr(reader, "_result", lambda *_: pb.RecognizeResult())
    conversation = talk(reader.address)
    conversation.next(Connected)
    conversation.session.send(1, image(1), live=live)
    assert isinstance(conversation.any(), Failed | Disconnected)


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_what_is_sent_is_the_picture_pixel_for_pixel(
    talk: Any, reader: Reader, mode: str, live: bool
) -> None:
    if mode == "I;16":
        picture = Image.fromarray(np.arange(0, 54_000, 500).astype(np.uint16).reshape(12, 9))
    else:
        picture = Image.effect_noise((9, 12), 60).convert("RGBA").convert(mode)
    conversation = talk(reader.address)
    conversation.session.send(1, picture, live=live)
    conversation.next(Answered)
    with Image.open(io.BytesIO(reader.requests[-1].image.encoded)) as sent:
        assert sent.mode == mode
        assert np.array_equal(np.asarray(sent), np.asarray(picture))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_large_picture_is_sent_smaller_and_left_as_it_is(
    talk: Any, reader: Reader, mode: str
) -> None:
    picture = Image.new(mode, (4000, 1000))
    conversation = talk(reader.address)
    conversation.session.send(1, picture)
    conversation.next(Answered)
    with Image.open(io.BytesIO(reader.requests[-1].image.encoded)) as sent:
        assert (sent.mode, sent.size) == (mode, (1600, 400))
    assert picture.size == (4000, 1000)


@pytest.mark.parametrize("phase", ["connecting", "waiting", "answering", "answering a call"])
def test_closing_is_prompt_in_every_phase(
    talk: Any, reader: Reader, line: Line, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    for name in ("ANSWER_SECONDS", "CONNECT_SECONDS", "FIRST_BACKOFF_SECONDS"):
        monkeypatch.setattr(session_module, name, 3600.0)
    if phase == "connecting":
        reader.go_on.clear()
    conversation = talk(line.address)
    if phase == "connecting":
        assert reader.arrived.wait(PATIENCE_SECONDS)
    else:
        conversation.next(Connected)
    if phase == "waiting":
        line.cut()
        conversation.next(Disconnected)
    if phase.startswith("answering"):
        reader.image_free.clear()
        conversation.session.send(1, image(1), live=phase == "answering")
        assert reader.reached.acquire(timeout=PATIENCE_SECONDS)
    began = time.monotonic()
    conversation.session.close()
    assert time.monotonic() - began < 5
    assert not [thread for thread in threading.enumerate() if thread.name == "digits session"]


def test_nothing_is_told_after_closing(talk: Any, reader: Reader) -> None:
    conversation = talk(reader.address)
    conversation.next(Connected)
    conversation.session.close()
    conversation.session.close()
    for ask in (
        lambda: conversation.session.send(1, image(1)),
        conversation.session.start_server,
        conversation.session.try_again,
    ):
        ask()
    assert conversation.events.empty()
    assert reader.streamed == []


class Embedded:
    """In place of a server of one's own: another fake, or the reason why there is none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fake = Reader()
        self.error: UnavailableError | None = None
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()
        self.running = 0
        self.was_left_behind = False
        """Ended by nobody, but when Python came to free it."""
        monkeypatch.setattr(session_module, "embedded_server", self._server)

    @contextlib.contextmanager
    def _server(self) -> Iterator[str]:
        self.begun.set()
        self.go_on.wait()
        if self.error is not None:
            raise self.error
        with serving(self.fake):
            self.running += 1
            try:
                yield self.fake.address
            except GeneratorExit:
                self.was_left_behind = True
                raise
            finally:
                self.running -= 1


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Embedded]:
    """What ``start_server`` starts."""
    embedded = Embedded(monkeypatch)
    yield embedded
    embedded.go_on.set()


def test_a_server_of_its_own_is_started_without_waiting_and_given_what_waits(
    talk: Any, embedded: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "FIRST_BACKOFF_SECONDS", 3600.0)
    conversation = talk("127.0.0.1:1")
    conversation.session.send(3, image(3))
    conversation.next(Disconnected)
    conversation.session.start_server()
    assert conversation.next(Connecting).address == embedded.fake.address
    assert conversation.next(Connected).address == embedded.fake.address
    assert conversation.next(Answered).ticket == 3
    assert embedded.running == 1
    conversation.session.close()
    assert embedded.running == 0


def test_a_server_of_its_own_that_does_not_start_is_told_and_the_first_is_tried_on(
    talk: Any, embedded: Embedded
) -> None:
    embedded.error = UnavailableError("install digits[server]")
    fake = Reader()
    with serving(fake):
        pass
    conversation = talk(fake.address)
    conversation.next(Disconnected)
    conversation.session.start_server()
    while "install digits[server]" not in conversation.next(Disconnected).reason:
        pass
    with serving(fake, port=int(fake.address.rpartition(":")[2])):
        assert conversation.next(Connected).address == fake.address


def test_closing_while_a_server_of_its_own_starts_ends_that_one_too(
    talk: Any, embedded: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded.go_on.clear()
    conversation = talk("127.0.0.1:1")
    conversation.next(Disconnected)
    conversation.session.start_server()
    assert embedded.begun.wait(PATIENCE_SECONDS)
    end, ended = conversation.session._end, threading.Event()

    def end_and_tell() -> None:
        end()
        ended.set()

    monkeypatch.setattr(conversation.session, "_end", end_and_tell)
    closing = threading.Thread(target=conversation.session.close)
    closing.start()
    assert ended.wait(PATIENCE_SECONDS)
    embedded.go_on.set()
    closing.join(PATIENCE_SECONDS)
    assert not closing.is_alive()
    assert embedded.running == 0
    assert not embedded.was_left_behind


def test_a_server_of_its_own_is_started_at_once_also_where_the_first_is_being_tried(
    talk: Any, reader: Reader, embedded: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "FIRST_BACKOFF_SECONDS", 3600.0)
    monkeypatch.setattr(session_module, "CONNECT_SECONDS", 0.3)
    reader.go_on.clear()
    conversation = talk(reader.address)
    assert reader.arrived.wait(PATIENCE_SECONDS)
    conversation.session.start_server()
    conversation.next(Disconnected)
    assert embedded.begun.wait(2)


def test_a_wish_for_a_server_ends_when_the_first_one_answers_after_all(
    talk: Any, reader: Reader, line: Line, embedded: Embedded
) -> None:
    reader.go_on.clear()
    conversation = talk(line.address)
    assert reader.arrived.wait(PATIENCE_SECONDS)
    conversation.session.start_server()
    reader.go_on.set()
    conversation.next(Connected)
    line.cut()
    conversation.next(Disconnected)
    line.mend()
    conversation.next(Connected)
    assert not embedded.begun.is_set()


def test_closing_waits_for_no_answer(talk: Any, reader: Reader) -> None:
    conversation = talk(reader.address)
    conversation.next(Connected)
    reader.image_free.clear()
    conversation.session.send(1, image(1))
    assert reader.reached.acquire(timeout=PATIENCE_SECONDS)
    conversation.session.close()
    conversation.session.close()
    conversation.session.send(2, image(2))
    assert not [thread for thread in threading.enumerate() if thread.name == "digits session"]


def test_a_server_of_its_own_answers_and_ends_with_it(talk: Any) -> None:
    pytest.importorskip("ai_edge_litert")
    conversation = talk("127.0.0.1:1")
    conversation.next(Disconnected)
    conversation.session.start_server()
    address = conversation.next(Connected).address
    conversation.session.send(1, Image.new("L", (40, 40), 255))
    assert conversation.next(Answered).prediction.verdict.value == "blank"
    conversation.session.close()
    follower = talk(address)
    assert "No server is listening" in follower.next(Disconnected).reason
