"""Numbers and pages, through a real server with the shipped model."""

import io
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
import numpy as np
import pytest
from PIL import Image, ImageDraw

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_client.bench.image_kinds import drawn_numbers
from digits_server.app import running
from digits_server.models import load_folder, versions
from digits_server.ops.metrics import Metrics
from digits_server.settings import SHIPPED_MODELS, Settings

NUMBERS = {text: image.encoded for text, image in drawn_numbers().items()}
TEXT = "1347"


@pytest.fixture
async def served() -> AsyncIterator[tuple[Any, Metrics]]:
    """The stub of a server with the shipped model, and the server's metrics."""
    model = load_folder(SHIPPED_MODELS / str(max(versions(SHIPPED_MODELS))), cores=1)
    metrics = Metrics()
    async with (
        running(Settings(port=0, threads=1), model, metrics) as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        yield pb_grpc.RecognizerServiceStub(channel), metrics


@pytest.fixture
def stub(served: tuple[Any, Metrics]) -> Any:
    return served[0]


def encode(gray: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    content = io.BytesIO()
    gray.save(content, form, **options)
    return content.getvalue()


def page(texts: Sequence[str]) -> Image.Image:
    """Return an image with a number in each of its lines."""
    sheet = Image.new("L", (600, 130 * len(texts)), 255)
    for row, text in enumerate(texts):
        with Image.open(io.BytesIO(NUMBERS[text])) as image:
            sheet.paste(image.crop((0, 85, 600, 215)), (0, 130 * row))
    return sheet


async def recognize(
    stub: Any, content: bytes, layout: "pb.Layout", **options: Any
) -> pb.RecognizeResponse:
    request = pb.RecognizeRequest(image=pb.Image(encoded=content), layout=layout, **options)
    response: pb.RecognizeResponse = await stub.Recognize(request)
    return response


def inside(box: pb.Box, other: pb.Box) -> bool:
    return (
        other.left <= box.left
        and other.top <= box.top
        and box.left + box.width <= other.left + other.width
        and box.top + box.height <= other.top + other.height
    )


async def test_a_number_has_its_text_and_a_prediction_for_each_digit(stub: Any) -> None:
    right = 0
    for text, content in NUMBERS.items():
        response = await recognize(stub, content, pb.LAYOUT_NUMBER, include_frame=True)
        [number] = response.numbers
        right += number.text == text
        assert len(response.predictions) == len(number.text)
        assert 0 < number.confidence < 1
        for digit, prediction in zip(number.text, response.predictions, strict=True):
            assert prediction.verdict == pb.VERDICT_DIGIT
            assert str(prediction.digit) == digit
            assert sum(prediction.probabilities) == pytest.approx(1, abs=1e-5)
            assert prediction.line == 0
            assert inside(prediction.box, number.box)
            assert len(prediction.frame) == 784
        lefts = [prediction.box.left for prediction in response.predictions]
        assert lefts == sorted(lefts)
    assert right >= len(NUMBERS) - 1


async def test_an_image_with_several_digits_is_none_of_them(stub: Any) -> None:
    for layout in (pb.LAYOUT_UNSPECIFIED, pb.LAYOUT_DIGIT):
        response = await recognize(stub, NUMBERS[TEXT], layout)
        [prediction] = response.predictions
        assert prediction.verdict == pb.VERDICT_NOT_A_DIGIT
        assert prediction.reason == pb.REASON_SEVERAL_DIGITS
        assert not prediction.HasField("digit")
        assert not prediction.HasField("box")
        assert not prediction.probabilities
        assert not response.numbers


async def test_a_number_of_one_digit_is_that_digit(stub: Any) -> None:
    with Image.open(io.BytesIO(NUMBERS[TEXT])) as image:
        seven = encode(image.crop((430, 0, 600, 300)))
    single = await recognize(stub, seven, pb.LAYOUT_DIGIT)
    number = await recognize(stub, seven, pb.LAYOUT_NUMBER)
    [digit], [text] = number.predictions, number.numbers
    assert text.text == str(digit.digit) == "7"
    assert text.confidence == digit.confidence == single.predictions[0].confidence
    assert text.box == digit.box
    assert 40 <= digit.box.width <= 110
    assert 100 <= digit.box.height <= 150


async def test_a_page_has_its_numbers_from_the_top(stub: Any) -> None:
    texts = list(NUMBERS)[:3]
    response = await recognize(stub, encode(page(texts)), pb.LAYOUT_PAGE)
    assert [number.text for number in response.numbers] == texts
    assert [prediction.line for prediction in response.predictions] == [0] * 4 + [1] * 4 + [2] * 4
    for prediction in response.predictions:
        assert inside(prediction.box, response.numbers[prediction.line].box)
    tops = [number.box.top for number in response.numbers]
    assert tops == sorted(tops)


async def test_of_a_page_that_is_said_to_be_a_number_one_line_is_read(stub: Any) -> None:
    response = await recognize(stub, encode(page(list(NUMBERS)[:2])), pb.LAYOUT_NUMBER)
    assert len(response.numbers) == 1
    assert len(response.predictions) == 4


@pytest.mark.parametrize("layout", [pb.LAYOUT_NUMBER, pb.LAYOUT_PAGE])
async def test_an_image_without_a_number_has_one_prediction_that_says_why(
    stub: Any, layout: "pb.Layout"
) -> None:
    response = await recognize(stub, encode(Image.new("L", (300, 200), 255)), layout)
    [prediction] = response.predictions
    assert prediction.verdict == pb.VERDICT_BLANK
    assert not response.numbers


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])  # decoded in another process
async def test_boxes_are_in_pixels_of_the_upright_image(stub: Any, form: str) -> None:
    with Image.open(io.BytesIO(NUMBERS[TEXT])) as image:
        large = image.resize((2400, 1200))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees to the right
    turned = encode(large.rotate(90, expand=True), form, exif=exif)
    response = await recognize(stub, turned, pb.LAYOUT_NUMBER)
    upright = await recognize(stub, encode(large), pb.LAYOUT_NUMBER)
    assert [number.text for number in response.numbers] == [TEXT]
    for one, other in zip(response.predictions, upright.predictions, strict=True):
        for name in ("left", "top", "width", "height"):
            assert abs(getattr(one.box, name) - getattr(other.box, name)) <= 8
    lefts = [prediction.box.left for prediction in response.predictions]
    np.testing.assert_allclose(np.diff(lefts), 2400 / 4.5, atol=120)


async def test_a_batch_has_a_number_or_an_error_for_each_image(stub: Any) -> None:
    crowded = np.full((1400, 400), 255, np.uint8)
    for row in range(34):
        for left in (20, 60):
            crowded[40 * row + 8 : 40 * row + 34, left : left + 4] = 0
    contents = [NUMBERS[TEXT], b"nothing", encode(Image.fromarray(crowded)), NUMBERS[TEXT]]
    request = pb.RecognizeBatchRequest(
        images=[pb.Image(encoded=content) for content in contents], layout=pb.LAYOUT_NUMBER
    )
    results = (await stub.RecognizeBatch(request)).results
    assert [[number.text for number in result.numbers] for result in results] == [
        [TEXT],
        [],
        [],
        [TEXT],
    ]
    assert (
        results[1].error.code == results[2].error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    )
    assert "at most 32 lines of 32 digits" in results[2].error.message


async def test_a_stream_reads_what_each_request_asks_for(stub: Any) -> None:
    layouts = [pb.LAYOUT_NUMBER, pb.LAYOUT_DIGIT, pb.LAYOUT_NUMBER]
    stream = stub.StreamingRecognize()
    found = []
    for sequence, layout in enumerate(layouts):
        image = pb.Image(encoded=NUMBERS[TEXT])
        await stream.write(
            pb.StreamingRecognizeRequest(sequence=sequence, image=image, layout=layout)
        )
        response = await stream.read()
        found.append([number.text for number in response.numbers])
    await stream.done_writing()
    assert found == [[TEXT], [], [TEXT]]


async def test_a_layout_that_the_server_does_not_know_is_an_invalid_argument(stub: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await recognize(stub, NUMBERS[TEXT], 99)  # type: ignore[arg-type]  # of a later version
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "layout is 99" in (error.value.details() or "")


async def test_the_limits_are_reported(stub: Any) -> None:
    limits = (await stub.GetModel(pb.GetModelRequest())).limits
    assert (limits.max_number_digits, limits.max_page_lines) == (32, 32)


async def test_images_are_counted_by_layout_and_numbers_by_their_digits(
    served: tuple[Any, Metrics],
) -> None:
    stub, metrics = served
    await recognize(stub, NUMBERS[TEXT], pb.LAYOUT_NUMBER)
    await recognize(stub, encode(page(list(NUMBERS)[:2])), pb.LAYOUT_PAGE)
    value = metrics.registry.get_sample_value
    assert value("digits_layouts_total", {"layout": "number"}) == 1
    assert value("digits_layouts_total", {"layout": "page"}) == 1
    assert value("digits_number_digits_count") == 3
    assert value("digits_number_digits_sum") == 12


@pytest.mark.parametrize("layout", [pb.LAYOUT_DIGIT, pb.LAYOUT_NUMBER])
async def test_ink_that_is_not_a_digit_has_its_probability_beside_those_of_the_digits(
    stub: Any, layout: "pb.Layout"
) -> None:
    star = Image.new("L", (400, 400), 255)
    ends = [(200, 70), (246, 320), (80, 160), (322, 152), (140, 322), (200, 70)]
    ImageDraw.Draw(star).line(ends, fill=0, width=16, joint="curve")
    [prediction] = (await recognize(stub, encode(star), layout)).predictions
    assert prediction.verdict == pb.VERDICT_NOT_A_DIGIT
    assert prediction.not_a_digit > 0.5
    assert sum(prediction.probabilities) == pytest.approx(1, abs=1e-4)


async def test_each_digit_of_a_number_has_the_probability_that_it_is_not_one(stub: Any) -> None:
    response = await recognize(stub, NUMBERS[TEXT], pb.LAYOUT_NUMBER)
    assert len(response.predictions) == len(TEXT)
    assert all(digit.HasField("not_a_digit") for digit in response.predictions)
    assert max(digit.not_a_digit for digit in response.predictions) < 0.1
