"""Method handlers with another behavior: the arity and the serializers stay."""

from typing import Any

import grpc
import pytest

from digits_server.api.arity import behavior_of, with_behavior

ARITIES = ["unary_unary", "unary_stream", "stream_unary", "stream_stream"]


def original(_: Any, __: Any) -> None: ...


def replacement(_: Any, __: Any) -> None: ...


def handler_of(arity: str) -> Any:
    return getattr(grpc, f"{arity}_rpc_method_handler")(original, bytes.upper, bytes.lower)


@pytest.mark.parametrize("arity", ARITIES)
def test_the_behavior_is_found_and_replaced_in_every_arity(arity: str) -> None:
    handler = handler_of(arity)
    copy: Any = with_behavior(handler, replacement)
    assert behavior_of(handler) is original
    assert behavior_of(copy) is replacement
    assert [name for name in ARITIES if getattr(copy, name)] == [arity]
    assert copy.request_streaming == handler.request_streaming
    assert copy.response_streaming == handler.response_streaming


@pytest.mark.parametrize("arity", ARITIES)
def test_the_serializers_stay(arity: str) -> None:
    kept: Any = with_behavior(handler_of(arity), replacement)
    assert (kept.request_deserializer, kept.response_serializer) == (bytes.upper, bytes.lower)
