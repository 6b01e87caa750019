"""The window's conversation with a server: through every loss of it, and never waiting."""

import io
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest
from PIL import Image

from digits.v1 import recognizer_pb2 as pb
from digits_client.connection import Connection
from digits_client.draw import session as session_module
from digits_client.draw.events import Answered, Connected, Connecting, Disconnected, Event, Failed
from digits_client.draw.session import Session

from .conftest import FakeRecognizer, serving

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

    def __init__(self, address: str) -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.session = Session(Connection(address), self.events.put)

    def next(self, kind: type[Wanted]) -> Wanted:
        """Wait for the next event of a kind; others are passed over."""
        while True:
            event = self.events.get(timeout=PATIENCE_SECONDS)
            if isinstance(event, kind):
                return event


@pytest.fixture
def reader() -> Iterator[Reader]:
    """The server behind the session."""
    fake = Reader()
    with serving(fake):
        yield fake
        fake.image_free.set()


@pytest.fixture
def talk() -> Iterator[Callable[[str], Conversation]]:
    """Begins conversations that end with the test."""
    begun: list[Conversation] = []

    def talk(address: str) -> Conversation:
        begun.append(Conversation(address))
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
    assert isinstance(conversation.events.get(timeout=PATIENCE_SECONDS), Connecting)
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
    reader.reached.acquire(timeout=PATIENCE_SECONDS)
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
def test_a_lost_server_is_told_and_the_unanswered_image_is_asked_again(
    talk: Any, live: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "LAST_BACKOFF_SECONDS", 0.5)
    first, second = Reader(), Reader()
    with serving(first):
        conversation = talk(first.address)
        conversation.next(Connected)
        first.image_free.clear()
        conversation.session.send(7, image(7), live=live)
        first.reached.acquire(timeout=PATIENCE_SECONDS)
        threading.Timer(0.1, first.image_free.set).start()  # a server that ends waits for it
    assert "No server answers" in conversation.next(Disconnected).reason
    conversation.session.send(8, image(8), live=live)
    with serving(second, port=int(first.address.rpartition(":")[2])):
        assert conversation.next(Connected)
        assert conversation.next(Answered).ticket == 8


def test_a_server_that_never_answers_counts_as_lost(
    talk: Any, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "ANSWER_SECONDS", 0.2)
    conversation = talk(reader.address)
    conversation.next(Connected)
    reader.image_free.clear()
    conversation.session.send(1, image(1))
    assert "does not answer" in conversation.next(Disconnected).reason
    reader.image_free.set()
    assert conversation.next(Answered).ticket == 1


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


def test_closing_waits_for_no_answer(talk: Any, reader: Reader) -> None:
    conversation = talk(reader.address)
    conversation.next(Connected)
    reader.image_free.clear()
    conversation.session.send(1, image(1))
    reader.reached.acquire(timeout=PATIENCE_SECONDS)
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
    assert "No server answers" in follower.next(Disconnected).reason
