"""gRPC's reflection service under its two names, v1 and v1alpha.

grpcio-reflection has v1alpha only. The messages of v1 are the same on the wire, so both names
have the same servicer, and the descriptor of v1 is that of v1alpha with the other name.
"""

from collections.abc import Sequence
from typing import Any, Final

import grpc
from google.protobuf import descriptor_pool, text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc

V1_SERVICE: Final = "grpc.reflection.v1.ServerReflection"
_V1_FILE: Final = "grpc/reflection/v1/reflection.proto"


def add_reflection(services: Sequence[str], server: Any) -> None:
    """Add the reflection service to a server.

    Args:
        services: Full names of the server's other services.
        server: A server, or what generated code accepts in its place.
    """
    _add_v1_descriptor(descriptor_pool.Default())
    names = (*services, V1_SERVICE, reflection.SERVICE_NAME)
    servicer = reflection.aio.ReflectionServicer(names)
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, server)
    handler: grpc.RpcMethodHandler[Any, Any] = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server.add_registered_method_handlers(V1_SERVICE, {"ServerReflectionInfo": handler})


def _add_v1_descriptor(pool: Any) -> None:
    """Make v1 known to a pool of descriptors, unless it is."""
    try:
        pool.FindServiceByName(V1_SERVICE)
    except KeyError:
        v1alpha = FileDescriptorProto()
        reflection_pb2.DESCRIPTOR.CopyToProto(v1alpha)
        # The name of each type has the package's name, and nothing else has "v1alpha" in it.
        text = str(v1alpha).replace("v1alpha", "v1")
        v1 = text_format.Parse(text, FileDescriptorProto())
        v1.name = _V1_FILE
        pool.AddSerializedFile(v1.SerializeToString())
