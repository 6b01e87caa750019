"""The OpenAPI document is that of the routes."""

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from starlette.routing import Mount, Route, WebSocketRoute

from digits.v1 import recognizer_pb2 as pb
from digits_client.cli.server_options import ServerOptions
from digits_client.web.app import Application
from digits_client.web.docs import OPENAPI_FILE, render
from digits_client.web.metrics import Metrics
from digits_client.web.settings import Settings
from digits_client.web.upstream import Upstream

DOCUMENT = json.loads(OPENAPI_FILE.read_text("utf-8"))
SCHEMAS = DOCUMENT["components"]["schemas"]
# What a browser loads.
PAGE = {"/", "/static", "/docs", "/docs.css", "/openapi.json"}


async def test_each_route_is_documented_with_its_methods() -> None:
    server = ServerOptions("127.0.0.1:1")
    app = Application(Settings(corrections=Path("folder")), server)
    upstream = Upstream(server, 1.0)
    served: dict[str, set[str]] = {}
    for route in app.routes(upstream, Metrics()):
        assert isinstance(route, Route | WebSocketRoute | Mount)
        methods = route.methods if isinstance(route, Route) else {"GET"}
        served.setdefault(route.path, set()).update((methods or set()) - {"HEAD"})
    await upstream.close()
    documented = {
        path: {method.upper() for method in methods} for path, methods in DOCUMENT["paths"].items()
    }
    assert {path: served[path] for path in served.keys() - PAGE} == documented


@pytest.mark.parametrize(
    "message",
    [
        *(pb.RecognizeResponse, pb.RecognizeResult, pb.RecognizeBatchResponse),
        *(pb.StreamingRecognizeResponse, pb.Prediction, pb.Number, pb.Box, pb.GetModelResponse),
    ],
)
def test_a_message_has_the_fields_of_the_proto(message: Any) -> None:
    fields = {field.json_name: field for field in message.DESCRIPTOR.fields}
    properties = SCHEMAS[message.DESCRIPTOR.name]["properties"]
    assert properties.keys() == fields.keys()
    for name, field in fields.items():
        if field.enum_type is not None:
            known = {value.name for value in field.enum_type.values}
            assert set(properties[name]["enum"]) <= known
        if field.type == FieldDescriptor.TYPE_UINT64:
            assert properties[name]["type"] == "string"


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        found = {value["$ref"]} if "$ref" in value else set()
        return found.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def test_each_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        part: Any = DOCUMENT
        for name in reference.removeprefix("#/").split("/"):
            part = part[name]


def test_the_page_names_every_path_and_message() -> None:
    page = render(DOCUMENT)
    for path in DOCUMENT["paths"]:
        assert path in page
    for name in SCHEMAS:
        assert f'id="{name}"' in page
