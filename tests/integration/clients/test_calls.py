"""Every method of both clients, against a real gRPC server."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from digits.v1 import recognizer_pb2 as pb
from digits_client import (
    AsyncClient,
    Box,
    Client,
    InvalidImageError,
    Number,
    OverloadedError,
    Prediction,
)
from digits_client.images import ImageLike
from digits_client.results import Verdict

if TYPE_CHECKING:
    from tests.integration.clients.conftest import AnyClient, FakeRecognizer


def public_methods(kind: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(method)
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


def test_both_clients_have_the_same_methods_with_the_same_parameters() -> None:
    blocking, asynchronous = public_methods(Client), public_methods(AsyncClient)
    assert blocking.keys() == asynchronous.keys()
    for name, signature in blocking.items():
        async_parameters = asynchronous[name].parameters
        assert list(signature.parameters) == list(async_parameters), name
        for parameter in signature.parameters.values():
            assert parameter.default == async_parameters[parameter.name].default, name
            assert parameter.kind == async_parameters[parameter.name].kind, name
    assert inspect.signature(Client) == inspect.signature(AsyncClient)


async def test_one_image_is_recognized(client: "AnyClient", server: "FakeRecognizer") -> None:
    prediction = await client.recognize(b"a 7")
    assert (prediction.digit, prediction.model_version) == (7, "5")
    assert prediction.frame is None
    assert [request.image.encoded for request in server.requests] == [b"a 7"]


async def test_a_frame_is_returned_only_if_requested(client: "AnyClient") -> None:
    [in_batch] = await client.recognize_batch([b"7"], include_frame=True)
    [in_stream] = await client.recognize_stream([b"7"], include_frame=True)
    alone = await client.recognize(b"7", include_frame=True)
    for prediction in (alone, in_batch, in_stream.prediction):
        assert isinstance(prediction, Prediction)
        assert prediction.frame is not None
    [without] = await client.recognize_batch([b"7"])
    assert isinstance(without, Prediction)
    assert without.frame is None


async def test_an_image_that_cannot_be_read_is_not_sent(
    client: "AnyClient", server: "FakeRecognizer"
) -> None:
    with pytest.raises(InvalidImageError, match="cannot be read"):
        await client.recognize("missing.png")
    assert server.attempt_count == 0


async def test_the_error_of_an_image_that_is_a_file_has_its_name(
    client: "AnyClient", tmp_path: Path
) -> None:
    file = tmp_path / "empty.png"
    file.touch()
    for call in (client.recognize, client.recognize_number, client.recognize_page):
        with pytest.raises(InvalidImageError, match=f"{file}: image is unset$"):
            await call(file)
    with pytest.raises(InvalidImageError, match=r"^image is unset$"):
        await client.recognize(b"")


async def test_200_images_are_sent_in_several_messages_and_keep_their_order(
    client: "AnyClient", server: "FakeRecognizer"
) -> None:
    images: list[ImageLike] = [str(number).encode() for number in range(200)]
    results = await client.recognize_batch(images)
    assert [result.digit for result in results if isinstance(result, Prediction)] == [
        number % 10 for number in range(200)
    ]
    assert [len(request.images) for request in server.requests] == [64, 64, 64, 8]
    sent = [image.encoded for request in server.requests for image in request.images]
    assert sent == images


async def test_without_images_no_call_is_made(
    client: "AnyClient", server: "FakeRecognizer"
) -> None:
    assert await client.recognize_batch([]) == []
    assert server.attempt_count == 0
    assert await client.recognize_stream([]) == []


async def test_a_batch_that_exceeds_the_limits_of_the_server_is_sent_in_parts(
    client: "AnyClient", server: "FakeRecognizer"
) -> None:
    images = [str(number).encode() for number in range(100)]
    server.max_batch_images = 10
    results = await client.recognize_batch(images)
    assert [getattr(result, "digit", result) for result in results] == [*range(10)] * 10
    server.requests.clear()
    server.max_batch_images, server.max_message_bytes = 64, 3000
    results = await client.recognize_batch([b"7" * 1000] * 5)
    assert [getattr(result, "digit", result) for result in results] == [7] * 5
    assert [len(request.images) for request in server.requests] == [2, 1, 2]


async def test_an_image_that_no_message_can_carry_is_an_error_in_its_place(
    client: "AnyClient",
) -> None:
    images = [b"1", bytes(5 * 2**20), b"3"]
    for found in (
        await client.recognize_batch(images),
        await client.recognize_number_batch(images),
    ):
        assert [isinstance(result, OverloadedError) for result in found] == [False, True, False]


async def test_an_unreadable_file_of_a_batch_is_an_error_in_its_place(
    client: "AnyClient",
) -> None:
    first, second, third, fourth = await client.recognize_batch([b"1", "missing.png", b"", b"4"])
    assert isinstance(first, Prediction)
    assert first.digit == 1
    assert isinstance(second, InvalidImageError)
    assert str(second) == "missing.png cannot be read: No such file or directory"
    assert isinstance(third, InvalidImageError)
    assert str(third) == "image is unset"
    assert isinstance(fourth, Prediction)
    assert fourth.digit == 4


async def test_an_unreadable_file_of_a_stream_is_an_error_in_its_place(
    client: "AnyClient",
) -> None:
    first, second, third = await client.recognize_stream([b"1", "missing.png", b"3"])
    assert [result.sequence for result in (first, second, third)] == [0, 1, 2]
    assert first.prediction is not None
    assert isinstance(second.error, InvalidImageError)
    assert str(second.error) == "missing.png cannot be read: No such file or directory"
    assert third.prediction is not None
    assert third.prediction.digit == 3


async def test_an_overtaken_image_of_a_stream_is_reported_as_superseded(
    client: "AnyClient", server: "FakeRecognizer"
) -> None:
    server.superseded = {0, 2}
    results = await client.recognize_stream([b"1", b"2", b"3", b"4"])
    assert [result.superseded for result in results] == [True, False, True, False]


@pytest.mark.parametrize("method", ["recognize", "recognize_batch", "recognize_stream"])
async def test_an_argument_that_is_not_an_image_raises_type_error_in_every_method(
    client: "AnyClient", method: str
) -> None:
    argument = 3 if method == "recognize" else [b"1", 3]
    with pytest.raises(TypeError, match="an image is a path"):
        await getattr(client, method)(argument)


async def test_an_error_of_the_callers_iterator_reaches_the_caller(client: "AnyClient") -> None:
    def images() -> Iterator[ImageLike]:
        yield b"1"
        raise LookupError("the camera is gone")

    with pytest.raises(LookupError, match="the camera is gone"):
        await client.recognize_stream(images())


async def test_the_model_has_its_version_and_the_limits(client: "AnyClient") -> None:
    model = await client.model()
    assert (model.version, model.labels) == ("5", tuple("0123456789"))
    assert model.limits.max_image_bytes == 1000


async def test_a_number_has_its_text_and_its_digits(
    client: "AnyClient", server: "FakeRecognizer"
) -> None:
    number = await client.recognize_number(b"of 20?6")
    assert (number.text, str(number), number.confidence) == ("20?6", "20?6", 0.25)
    assert [digit.digit for digit in number.digits] == [2, 0, None, 6]
    assert number.box == Box(0, 0, 9, 5)
    assert number.digits[3].box == Box(3, 0, 1, 5)
    assert number.digits[0].frame is None
    assert [request.layout for request in server.requests] == [pb.LAYOUT_NUMBER]
    with_frames = await client.recognize_number(b"17", include_frame=True)
    assert all(digit.frame is not None for digit in with_frames.digits)


async def test_an_image_without_a_number_says_why(client: "AnyClient") -> None:
    number = await client.recognize_number(b"nothing")
    assert (number.text, number.confidence, number.box) == ("", 0.0, None)
    [digit] = number.digits
    assert digit.verdict is Verdict.BLANK
    assert await client.recognize_page(b"nothing") == []


async def test_a_page_has_a_number_for_each_line(client: "AnyClient") -> None:
    numbers = await client.recognize_page(b"17 and 2026")
    assert [number.text for number in numbers] == ["17", "2026"]
    assert [len(number.digits) for number in numbers] == [2, 4]


async def test_numbers_in_a_batch_keep_their_order_and_errors_their_place(
    client: "AnyClient", server: "FakeRecognizer"
) -> None:
    images: list[ImageLike] = [b"%d" % index for index in range(100, 170)]
    images[33] = "missing.png"
    found = await client.recognize_number_batch(images)
    assert isinstance(found.pop(33), InvalidImageError)
    texts = [number.text for number in found if isinstance(number, Number)]
    assert texts == [str(index) for index in range(100, 170) if index != 133]
    assert {request.layout for request in server.requests} == {pb.LAYOUT_NUMBER}


async def test_numbers_of_a_stream_have_their_sequence(
    client: "AnyClient", server: "FakeRecognizer"
) -> None:
    server.superseded = {1}
    first, second, third = await client.recognize_number_stream([b"17", b"18", "missing.png"])
    assert first.number is not None
    assert (first.sequence, first.number.text, first.prediction) == (0, "17", None)
    assert second.superseded
    assert isinstance(third.error, InvalidImageError)
