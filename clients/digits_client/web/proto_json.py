"""Messages as JSON, by the JSON mapping of protobuf: camelCase, enums by name, bytes as base64."""

from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc import error_details_pb2  # noqa: F401 - the types of an error's details
from starlette.responses import Response


def to_json(message: Message) -> str:
    """Return a message as JSON. Fields at their default are written too, except unset messages."""
    return json_format.MessageToJson(
        message, indent=None, always_print_fields_with_no_presence=True
    )


def json_response(message: Message) -> Response:
    """Return a message as a response."""
    return Response(to_json(message), media_type="application/json")
