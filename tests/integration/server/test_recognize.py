"""Recognize, RecognizeBatch and GetModel."""

import io
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2, status_pb2
from numpy.typing import NDArray
from PIL import Image

from digits.v1 import recognizer_pb2 as pb
from digits_server.inference.request_queue import CHUNK_COST
from digits_server.preprocessing.readings import READINGS, Reading
from digits_server.preprocessing.search import find_readings

ImageOf = Callable[[int], pb.Image]


def violation_of(error: grpc.aio.AioRpcError) -> error_details_pb2.BadRequest.FieldViolation:
    trailers = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    bad_request = error_details_pb2.BadRequest()
    assert status.details[0].Unpack(bad_request)
    return bad_request.field_violations[0]


async def test_the_prediction_has_the_digit_of_the_image(
    running_server: Any, image_of: ImageOf
) -> None:
    response = await running_server.stub.Recognize(pb.RecognizeRequest(image=image_of(4)))
    [prediction] = response.predictions
    assert prediction.verdict == pb.VERDICT_DIGIT
    assert prediction.digit == 4
    assert prediction.confidence == pytest.approx(0.91)
    assert len(prediction.probabilities) == 10
    assert prediction.not_a_digit == pytest.approx(0, abs=1e-6)
    assert prediction.model_version == "7"
    assert prediction.frame == b""
    assert prediction.reason == pb.REASON_UNSPECIFIED
    assert prediction.reading == "image as it is"
    assert prediction.unread_pages == 0


async def test_the_frame_is_returned_on_request(running_server: Any, image_of: ImageOf) -> None:
    request = pb.RecognizeRequest(image=image_of(4), include_frame=True)
    response = await running_server.stub.Recognize(request)
    assert response.predictions[0].frame == request.image.raw.data


async def test_a_blank_image_has_a_verdict_and_is_not_an_error(running_server: Any) -> None:
    blank = io.BytesIO()
    Image.new("L", (200, 200), 255).save(blank, "PNG")
    request = pb.RecognizeRequest(image=pb.Image(encoded=blank.getvalue()))
    [prediction] = (await running_server.stub.Recognize(request)).predictions
    assert prediction.verdict == pb.VERDICT_BLANK
    assert not prediction.HasField("digit")
    assert not prediction.probabilities
    assert not prediction.HasField("not_a_digit")
    assert prediction.reason == pb.REASON_UNSPECIFIED
    assert prediction.reading == ""
    assert running_server.engine.calls == []


@pytest.mark.parametrize(
    ("image", "field", "message"),
    [
        (pb.Image(), "image", "is unset"),
        (pb.Image(encoded=b""), "image.encoded", "is empty"),
        (pb.Image(encoded=b"no image"), "image.encoded", "is not a PNG"),
        (pb.Image(encoded=b"x" * 5000), "image.encoded", "at most 4000"),
        (pb.Image(raw=pb.RawImage(height=2, data=b"ab")), "image.raw.width", "is 0"),
        (pb.Image(raw=pb.RawImage(width=2, data=b"ab")), "image.raw.height", "is 0"),
        (pb.Image(raw=pb.RawImage(width=2, height=2, data=b"abc")), "image.raw.data", "2 * 2 = 4"),
        (pb.Image(raw=pb.RawImage(width=2**31, height=2**31)), "image.raw", "at most 2500"),
    ],
)
async def test_an_invalid_image_is_an_error_with_field_and_limit_and_the_next_one_is_recognized(
    run_server: Any, image_of: ImageOf, image: pb.Image, field: str, message: str
) -> None:
    async with run_server(max_image_bytes=4000, max_image_pixels=2500) as started:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await started.stub.Recognize(pb.RecognizeRequest(image=image))
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert message in (caught.value.details() or "")
        assert violation_of(caught.value).field == field
        response = await started.stub.Recognize(pb.RecognizeRequest(image=image_of(1)))
        assert response.predictions[0].digit == 1


async def test_the_results_of_a_batch_are_in_order_and_an_invalid_image_affects_only_its_own(
    running_server: Any, image_of: ImageOf
) -> None:
    images = [image_of(digit) for digit in range(10)]
    images[3] = pb.Image(encoded=b"no image")
    response = await running_server.stub.RecognizeBatch(pb.RecognizeBatchRequest(images=images))
    results = [
        "error" if result.HasField("error") else result.predictions[0].digit
        for result in response.results
    ]
    assert results == [0, 1, 2, "error", 4, 5, 6, 7, 8, 9]
    assert response.results[3].error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert not response.results[3].predictions


@pytest.mark.parametrize("count", [0, 6])
async def test_a_batch_of_no_or_too_many_images_is_an_error(
    run_server: Any, image_of: ImageOf, count: int
) -> None:
    async with run_server(max_batch_images=5) as started:
        request = pb.RecognizeBatchRequest(images=[image_of(1)] * count)
        with pytest.raises(grpc.aio.AioRpcError, match=f"has {count} images; 1 to 5") as caught:
            await started.stub.RecognizeBatch(request)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert violation_of(caught.value).field == "images"


async def test_get_model_returns_the_model_and_the_limits(run_server: Any) -> None:
    async with run_server(max_image_bytes=1, max_image_pixels=2, max_batch_images=3) as started:
        response = await started.stub.GetModel(pb.GetModelRequest())
    assert response.model.version == "7"
    assert list(response.model.labels) == list("0123456789")
    assert response.model.mnist_test_accuracy == 0.5
    assert response.model.frame_recipe
    assert response.model.precision == "float32"
    limits = response.limits
    assert (limits.max_image_bytes, limits.max_image_pixels, limits.max_batch_images) == (1, 2, 3)


async def test_get_model_and_the_metrics_name_the_precision(run_server: Any) -> None:
    async with run_server(precision="int8") as started:
        response = await started.stub.GetModel(pb.GetModelRequest())
        assert (response.model.precision, response.model.mnist_test_accuracy) == ("int8", 0.25)
        assert started.count("digits_model_precision", precision="int8") == 1
        assert started.count("digits_model_precision", precision="float32") == 0


async def test_a_model_with_a_class_for_not_a_digit_uses_it_for_the_verdict(
    running_server: Any, image_of: ImageOf
) -> None:
    for probability, verdict in ((0.1, pb.VERDICT_DIGIT), (0.6, pb.VERDICT_NOT_A_DIGIT)):
        running_server.engine.not_a_digit = probability
        response = await running_server.stub.Recognize(pb.RecognizeRequest(image=image_of(4)))
        [prediction] = response.predictions
        assert prediction.verdict == verdict
        assert prediction.HasField("digit") is (verdict == pb.VERDICT_DIGIT)
        # The ten probabilities are conditional on the image being a digit.
        assert len(prediction.probabilities) == 10
        assert sum(prediction.probabilities) == pytest.approx(1)
        assert prediction.confidence == pytest.approx(0.91)


async def test_ink_below_the_rejection_threshold_is_not_a_digit(
    run_server: Any, image_of: ImageOf, manifest: Any
) -> None:
    object.__setattr__(manifest, "rejection_threshold", 0.95)
    async with run_server() as started:
        response = await started.stub.Recognize(pb.RecognizeRequest(image=image_of(4)))
    [prediction] = response.predictions
    assert prediction.verdict == pb.VERDICT_NOT_A_DIGIT
    assert prediction.reason == pb.REASON_NO_DIGIT
    assert not prediction.HasField("digit")
    assert len(prediction.probabilities) == 10


async def test_the_results_of_several_decoding_jobs_are_in_order(
    running_server: Any, image_of: ImageOf
) -> None:
    blank = pb.Image(raw=pb.RawImage(width=2, height=2, data=bytes(4)))
    images = [image_of(n % 10) for n in range(CHUNK_COST * 3 + 1)]
    images[CHUNK_COST] = blank
    images[CHUNK_COST * 2] = pb.Image(encoded=b"no image")
    response = await running_server.stub.RecognizeBatch(pb.RecognizeBatchRequest(images=images))
    results = [
        "error" if result.HasField("error") else result.predictions[0].digit
        for result in response.results
        if result.HasField("error") or result.predictions[0].verdict == pb.VERDICT_DIGIT
    ]
    expected: list[str | int] = [n % 10 for n in range(len(images))]
    expected[CHUNK_COST * 2] = "error"
    del expected[CHUNK_COST]
    assert results == expected
    assert response.results[CHUNK_COST].predictions[0].verdict == pb.VERDICT_BLANK


def sheet_on_a_desk() -> NDArray[np.uint8]:
    """Return an image that has several readings."""
    page = np.full((90, 120), 60, np.uint8)
    page[10:80, 30:100] = 230
    page[30:62, 60:66] = 20
    return page


async def predictions_of(stub: Any, image: pb.Image) -> list[pb.Prediction]:
    """Return the prediction of one image in each way to send it."""
    alone = await stub.Recognize(pb.RecognizeRequest(image=image, include_frame=True))
    batch = await stub.RecognizeBatch(
        pb.RecognizeBatchRequest(images=[image, image], include_frame=True)
    )
    call = stub.StreamingRecognize(
        iter([pb.StreamingRecognizeRequest(sequence=1, image=image, include_frame=True)])
    )
    streamed = [prediction async for response in call for prediction in response.predictions]
    in_batch = [prediction for result in batch.results for prediction in result.predictions]
    return [*alone.predictions, *in_batch, *streamed]


@pytest.mark.parametrize("image_format", ["raw", "PNG", "JPEG"])
async def test_the_reading_and_the_frame_are_those_of_the_reading_that_stands(
    running_server: Any, monkeypatch: pytest.MonkeyPatch, image_format: str
) -> None:
    gray = sheet_on_a_desk()
    height, width = gray.shape
    image = pb.Image(raw=pb.RawImage(width=width, height=height, data=gray.tobytes()))
    if image_format != "raw":
        content = io.BytesIO()
        Image.fromarray(gray).save(content, image_format, quality=100, subsampling=0)
        gray = np.asarray(Image.open(content))
        image = pb.Image(encoded=content.getvalue())
    readings = {
        reading.frame.tobytes(): reading for reading in reversed(find_readings(gray).readings)
    }
    assert len(readings) >= 3
    for reading in readings.values():

        def predict(frames: NDArray[np.float32], best: Reading = reading) -> NDArray[np.float32]:
            """Be sure of one frame only."""
            probs = np.full((len(frames), 10), 0.1, np.float32)
            probs[(frames == best.frame).all(axis=(1, 2)), 8] = 0.9999
            return probs

        monkeypatch.setattr(running_server.engine, "predict", predict)
        expected = np.rint(reading.frame * 255).astype(np.uint8).tobytes()
        found = await predictions_of(running_server.stub, image)
        assert len(found) == 4
        for prediction in found:
            assert prediction.digit == 8
            assert prediction.frame == expected
            assert prediction.reading == READINGS[reading.kind]
            assert prediction.confidence == pytest.approx(0.9999 / (0.9999 + 0.9))


async def test_an_image_is_blank_if_the_model_finds_no_writing_in_any_reading(
    running_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gray = sheet_on_a_desk()
    height, width = gray.shape
    image = pb.Image(raw=pb.RawImage(width=width, height=height, data=gray.tobytes()))

    def predict(frames: NDArray[np.float32]) -> NDArray[np.float32]:
        assert len(frames) > 1
        return np.tile(np.eye(12, dtype=np.float32)[11], (len(frames), 1))

    monkeypatch.setattr(running_server.engine, "predict", predict)
    request = pb.RecognizeRequest(image=image, include_frame=True)
    [prediction] = (await running_server.stub.Recognize(request)).predictions
    assert prediction.verdict == pb.VERDICT_BLANK
    assert prediction.reading == ""
    assert not prediction.probabilities
    assert prediction.reason == pb.REASON_UNSPECIFIED
    assert prediction.frame == bytes(28 * 28)
