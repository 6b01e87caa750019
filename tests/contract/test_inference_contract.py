"""The Open Inference Protocol is not ours: its clients depend on every name and number."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from digits.inference.v2 import inference_pb2 as pb

# Message -> field -> (number, type); "*" marks a list or a map.
PARAMETERS = "InferParameter map*"
FIELDS: dict[str, dict[str, tuple[int, str]]] = {
    "ServerLiveRequest": {},
    "ServerLiveResponse": {"live": (1, "BOOL")},
    "ServerReadyRequest": {},
    "ServerReadyResponse": {"ready": (1, "BOOL")},
    "ModelReadyRequest": {"name": (1, "STRING"), "version": (2, "STRING")},
    "ModelReadyResponse": {"ready": (1, "BOOL")},
    "ServerMetadataRequest": {},
    "ServerMetadataResponse": {
        "name": (1, "STRING"),
        "version": (2, "STRING"),
        "extensions": (3, "STRING*"),
    },
    "ModelMetadataRequest": {"name": (1, "STRING"), "version": (2, "STRING")},
    "ModelMetadataResponse": {
        "name": (1, "STRING"),
        "versions": (2, "STRING*"),
        "platform": (3, "STRING"),
        "inputs": (4, "TensorMetadata*"),
        "outputs": (5, "TensorMetadata*"),
    },
    "ModelMetadataResponse.TensorMetadata": {
        "name": (1, "STRING"),
        "datatype": (2, "STRING"),
        "shape": (3, "INT64*"),
    },
    "InferParameter": {
        "bool_param": (1, "BOOL"),
        "int64_param": (2, "INT64"),
        "string_param": (3, "STRING"),
        "double_param": (4, "DOUBLE"),
        "uint64_param": (5, "UINT64"),
    },
    "InferTensorContents": {
        "bool_contents": (1, "BOOL*"),
        "int_contents": (2, "INT32*"),
        "int64_contents": (3, "INT64*"),
        "uint_contents": (4, "UINT32*"),
        "uint64_contents": (5, "UINT64*"),
        "fp32_contents": (6, "FLOAT*"),
        "fp64_contents": (7, "DOUBLE*"),
        "bytes_contents": (8, "BYTES*"),
    },
    "ModelInferRequest": {
        "model_name": (1, "STRING"),
        "model_version": (2, "STRING"),
        "id": (3, "STRING"),
        "parameters": (4, PARAMETERS),
        "inputs": (5, "InferInputTensor*"),
        "outputs": (6, "InferRequestedOutputTensor*"),
        "raw_input_contents": (7, "BYTES*"),
    },
    "ModelInferRequest.InferInputTensor": {
        "name": (1, "STRING"),
        "datatype": (2, "STRING"),
        "shape": (3, "INT64*"),
        "parameters": (4, PARAMETERS),
        "contents": (5, "InferTensorContents"),
    },
    "ModelInferRequest.InferRequestedOutputTensor": {
        "name": (1, "STRING"),
        "parameters": (2, PARAMETERS),
    },
    "ModelInferResponse": {
        "model_name": (1, "STRING"),
        "model_version": (2, "STRING"),
        "id": (3, "STRING"),
        "parameters": (4, PARAMETERS),
        "outputs": (5, "InferOutputTensor*"),
        "raw_output_contents": (6, "BYTES*"),
    },
    "ModelInferResponse.InferOutputTensor": {
        "name": (1, "STRING"),
        "datatype": (2, "STRING"),
        "shape": (3, "INT64*"),
        "parameters": (4, PARAMETERS),
        "contents": (5, "InferTensorContents"),
    },
}
KINDS = {
    getattr(FieldDescriptor, name): name.removeprefix("TYPE_")
    for name in dir(FieldDescriptor)
    if name.startswith("TYPE_")
}


def kind_of(field: Any) -> str:
    if field.message_type is None:
        name = KINDS[field.type]
    elif field.message_type.GetOptions().map_entry:
        name = f"{field.message_type.fields_by_name['value'].message_type.name} map"
    else:
        name = field.message_type.name
    return f"{name}*" if field.is_repeated else f"{name}"


def messages(found: Mapping[str, Descriptor]) -> Iterator[Descriptor]:
    for message in found.values():
        if not message.GetOptions().map_entry:
            yield message
            yield from messages(message.nested_types_by_name)


def test_the_messages_match_the_protocol_exactly() -> None:
    found = {
        message.full_name.removeprefix("inference."): {
            field.name: (field.number, kind_of(field)) for field in message.fields
        }
        for message in messages(pb.DESCRIPTOR.message_types_by_name)
    }
    assert found == FIELDS


@pytest.mark.parametrize(
    "method",
    ["ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer"],
)
def test_the_service_has_the_methods_of_the_protocol(method: str) -> None:
    service = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    assert service.full_name == "inference.GRPCInferenceService"
    found = service.methods_by_name[method]
    assert (found.input_type.name, found.output_type.name) == (
        *(f"{method}Request", f"{method}Response"),
    )
    assert not found.client_streaming
    assert not found.server_streaming


def test_a_parameter_has_one_value() -> None:
    [choice] = pb.InferParameter.DESCRIPTOR.oneofs
    assert choice.name == "parameter_choice"
    assert len(choice.fields) == 5
