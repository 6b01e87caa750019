"""The Open Inference Protocol, served on the same port as ``digits.v1``."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from digits.inference.v2 import inference_pb2 as oip
from digits.inference.v2 import inference_pb2_grpc as oip_grpc
from digits.v1 import recognizer_pb2 as pb

ImageOf = Callable[[int], pb.Image]
BLANK = bytes(784)
SERVED = "7"


def stub_of(started: Any) -> Any:
    return oip_grpc.GRPCInferenceServiceStub(started.channel)


def request_of(*images: bytes, **fields: Any) -> oip.ModelInferRequest:
    tensor = oip.ModelInferRequest.InferInputTensor(
        name="images", datatype="UINT8", shape=[len(images), 28, 28]
    )
    return oip.ModelInferRequest(
        model_name="digits", inputs=[tensor], raw_input_contents=[b"".join(images)], **fields
    )


def array_of(response: oip.ModelInferResponse, name: str) -> np.ndarray:
    """Read a raw output as clients do, by the index of its name."""
    index = [tensor.name for tensor in response.outputs].index(name)
    tensor = response.outputs[index]
    dtype = {"FP32": "<f4", "INT64": "<i8"}[tensor.datatype]
    return np.frombuffer(response.raw_output_contents[index], dtype).reshape(tensor.shape)


def details_of(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    trailers = dict(error.trailing_metadata() or ())
    assert trailers["x-request-id"]
    return status_pb2.Status.FromString(trailers["grpc-status-details-bin"])


async def test_the_outputs_have_the_digits_of_the_images_in_order(
    running_server: Any, image_of: ImageOf
) -> None:
    images = [image_of(digit).raw.data for digit in range(10)]
    response = await stub_of(running_server).ModelInfer(request_of(*images, id="mine-3"))
    assert (response.model_name, response.model_version, response.id) == ("digits", "7", "mine-3")
    assert array_of(response, "digit").tolist() == [*range(10)]
    probabilities = array_of(response, "probabilities")
    assert probabilities.shape == (10, 10)
    assert np.diag(probabilities) == pytest.approx([0.91] * 10)
    assert probabilities.sum(axis=1) == pytest.approx([1] * 10)


async def test_typed_inputs_have_typed_outputs(running_server: Any, image_of: ImageOf) -> None:
    pixels = image_of(4).raw.data
    request = request_of(pixels)
    del request.raw_input_contents[:]
    request.inputs[0].contents.uint_contents.extend(pixels)
    from_integers = await stub_of(running_server).ModelInfer(request)
    request.inputs[0].datatype = "FP32"
    request.inputs[0].contents.Clear()
    request.inputs[0].contents.fp32_contents.extend(pixel / 255 for pixel in pixels)
    from_floats = await stub_of(running_server).ModelInfer(request)
    assert from_integers == from_floats
    assert not from_integers.raw_output_contents
    probabilities, digit = from_integers.outputs
    assert [*digit.contents.int64_contents] == [4]
    assert probabilities.contents.fp32_contents[4] == pytest.approx(0.91)


async def test_both_services_agree_on_dark_and_light_ink(
    running_server: Any, image_of: ImageOf
) -> None:
    light = image_of(6).raw.data
    dark = bytes(255 - pixel for pixel in light)
    response = await stub_of(running_server).ModelInfer(request_of(light, dark))
    own = await running_server.stub.RecognizeBatch(
        pb.RecognizeBatchRequest(
            images=[
                pb.Image(raw=pb.RawImage(width=28, height=28, data=data)) for data in (light, dark)
            ]
        )
    )
    predictions = [result.predictions[0] for result in own.results]
    assert array_of(response, "digit").tolist() == [found.digit for found in predictions]
    assert array_of(response, "probabilities").tolist() == [
        [*found.probabilities] for found in predictions
    ]


async def test_a_verdict_other_than_digit_is_minus_one(
    running_server: Any, image_of: ImageOf
) -> None:
    running_server.engine.not_a_digit = 0.6
    response = await stub_of(running_server).ModelInfer(request_of(BLANK, image_of(4).raw.data))
    assert array_of(response, "digit").tolist() == [-1, -1]
    blank, not_a_digit = array_of(response, "probabilities")
    assert not blank.any()
    assert not_a_digit[4] == pytest.approx(0.91)


async def test_only_requested_outputs_are_returned(running_server: Any, image_of: ImageOf) -> None:
    request = request_of(image_of(2).raw.data)
    request.outputs.add(name="digit")
    response = await stub_of(running_server).ModelInfer(request)
    assert [tensor.name for tensor in response.outputs] == ["digit"]
    assert len(response.raw_output_contents) == 1
    assert array_of(response, "digit").tolist() == [2]


async def test_unknown_fields_and_parameters_are_ignored(
    running_server: Any, image_of: ImageOf
) -> None:
    request = request_of(image_of(2).raw.data)
    request.parameters["priority"].uint64_param = 1
    # Field 99, a varint, as a later version of the protocol might have.
    request.MergeFromString(b"\x98\x06\x01")
    response = await stub_of(running_server).ModelInfer(request)
    assert array_of(response, "digit").tolist() == [2]


async def test_too_many_images_are_an_error_with_the_field(
    run_server: Any, image_of: ImageOf
) -> None:
    async with run_server(max_batch_images=2) as started:
        with pytest.raises(grpc.aio.AioRpcError, match="has 3 images; 1 to 2") as caught:
            await stub_of(started).ModelInfer(request_of(BLANK, BLANK, BLANK))
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        violation = error_details_pb2.BadRequest()
        assert details_of(caught.value).details[0].Unpack(violation)
        assert violation.field_violations[0].field == "inputs[0].shape"
        response = await stub_of(started).ModelInfer(request_of(image_of(1).raw.data))
        assert array_of(response, "digit").tolist() == [1]


@pytest.mark.parametrize(
    ("name", "version", "message"),
    [
        ("other", "", "model 'other' does not exist; 'digits' is served"),
        ("", "", "model '' does not exist"),
        ("digits", "8", "version '8' of 'digits' is not served; version 7 is"),
    ],
)
async def test_another_model_or_version_is_not_found(
    running_server: Any, name: str, version: str, message: str
) -> None:
    stub = stub_of(running_server)
    request = request_of(BLANK)
    request.model_name, request.model_version = name, version
    for call in (
        stub.ModelInfer(request),
        stub.ModelReady(oip.ModelReadyRequest(name=name, version=version)),
        stub.ModelMetadata(oip.ModelMetadataRequest(name=name, version=version)),
    ):
        with pytest.raises(grpc.aio.AioRpcError, match=message) as caught:
            await call
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND
        assert details_of(caught.value).code == grpc.StatusCode.NOT_FOUND.value[0]


@pytest.mark.parametrize("version", ["", SERVED])
async def test_naming_the_served_version_is_optional(
    running_server: Any, image_of: ImageOf, version: str
) -> None:
    stub = stub_of(running_server)
    request = request_of(image_of(5).raw.data, model_version=version)
    assert (await stub.ModelInfer(request)).model_version == SERVED
    assert (await stub.ModelReady(oip.ModelReadyRequest(name="digits", version=version))).ready
    metadata = await stub.ModelMetadata(oip.ModelMetadataRequest(name="digits", version=version))
    assert [*metadata.versions] == [SERVED]


async def test_the_metadata_describes_the_tensors(running_server: Any) -> None:
    stub = stub_of(running_server)
    model = await stub.ModelMetadata(oip.ModelMetadataRequest(name="digits"))
    assert (model.name, model.platform) == ("digits", "litert_tflite")
    tensors = {
        tensor.name: (tensor.datatype, [*tensor.shape])
        for tensor in (*model.inputs, *model.outputs)
    }
    assert tensors == {
        "images": ("UINT8", [-1, 28, 28]),
        "probabilities": ("FP32", [-1, 10]),
        "digit": ("INT64", [-1]),
    }
    server = await stub.ServerMetadata(oip.ServerMetadataRequest())
    assert server.name == "digits-server"
    assert server.version
    assert not server.extensions


async def test_a_draining_server_is_live_and_not_ready(
    running_server: Any,
) -> None:
    stub = stub_of(running_server)
    watch = health_pb2_grpc.HealthStub(running_server.channel).Watch(
        health_pb2.HealthCheckRequest(service="inference.GRPCInferenceService")
    )
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
    assert (await stub.ServerReady(oip.ServerReadyRequest())).ready
    assert (await stub.ModelReady(oip.ModelReadyRequest(name="digits"))).ready
    draining = asyncio.create_task(running_server.server.drain(3600, 0))
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert not (await stub.ServerReady(oip.ServerReadyRequest())).ready
    assert not (await stub.ModelReady(oip.ModelReadyRequest(name="digits"))).ready
    assert (await stub.ServerLive(oip.ServerLiveRequest())).live
    watch.cancel()
    draining.cancel()


async def test_a_full_server_rejects_calls_with_a_retry_delay(
    run_server: Any, image_of: ImageOf
) -> None:
    async with run_server(max_queue_images=1) as started:
        stub = stub_of(started)
        started.engine.free.clear()
        working = stub.ModelInfer(request_of(image_of(3).raw.data))
        await asyncio.to_thread(started.engine.entered.acquire)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ModelInfer(request_of(image_of(3).raw.data))
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        retry = error_details_pb2.RetryInfo()
        assert details_of(caught.value).details[0].Unpack(retry)
        assert retry.retry_delay.ToMilliseconds() > 0
        started.engine.free.set()
        assert array_of(await working, "digit").tolist() == [3]


async def test_an_exception_is_internal_without_its_text(
    running_server: Any, image_of: ImageOf
) -> None:
    running_server.engine.error = RuntimeError("the secret")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub_of(running_server).ModelInfer(request_of(image_of(1).raw.data))
    assert caught.value.code() == grpc.StatusCode.INTERNAL
    assert "secret" not in (caught.value.details() or "")
