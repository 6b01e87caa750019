"""Call a running digits server with Triton's own clients, and check the responses.

    .venv-triton/bin/python scripts/tritonclient_check.py [--http] HOST:PORT

It runs by its path, in a separate environment with ``tritonclient[grpc,http]`` and Pillow, which
make creates: Triton's client needs an older protobuf than digits, so this script imports nothing
from digits. The blocking and the asyncio client each request liveness, readiness and metadata, and
then predictions for the ten self-test images, as UINT8 and as FP32. With --http, the address is
that of digits-web, and tensors are sent as binary data and as JSON.

Exit status: 0 if every response is right, 1 otherwise.
"""

import argparse
import asyncio
import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tritonclient.grpc as blocking
import tritonclient.grpc.aio as asynchronous
from numpy.typing import NDArray
from PIL import Image
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

SELF_TEST_IMAGES = (
    Path(__file__).resolve().parent.parent / "server" / "digits_server" / "self_test_images"
)
MODEL = "digits"
SIDE = 28
TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Check:
    """A request and its response."""

    client: str
    request: str
    response: str
    is_right: bool


def load_images() -> NDArray[np.uint8]:
    """Return drawings of 0 to 9, scaled to MNIST's size: (10, 28, 28) uint8."""
    return np.stack(
        [
            np.asarray(
                Image.open(SELF_TEST_IMAGES / f"{digit}.png")
                .convert("L")
                .resize((SIDE, SIDE), Image.Resampling.BOX)
            )
            for digit in range(10)
        ]
    )


def make_tensors() -> list[NDArray[np.generic]]:
    """Return the ten images in every shape and type that the server accepts."""
    images = load_images()
    return [
        images,
        images.astype(np.float32) / 255,
        images.reshape(len(images), -1).astype(np.float32),
        images[:, None],
    ]


def check_result(client: str, images: NDArray[np.generic], result: blocking.InferResult) -> Check:
    """Compare the predictions for the ten images with their digits."""
    digits, probs = result.as_numpy("digit"), result.as_numpy("probabilities")
    is_right = (
        digits.tolist() == [*range(10)]
        and probs.shape == (10, 10)
        and bool((probs.argmax(axis=1) == digits).all())
        and bool(np.allclose(probs.sum(axis=1), 1, atol=1e-5))
    )
    dtype = np_to_triton_dtype(images.dtype)
    request = f"infer {dtype} {[*images.shape]} to {images.max():g}"
    return Check(client, request, " ".join(map(str, digits)), is_right)


def check_model_metadata(client: str, metadata: Any) -> Check:
    """Compare the tensors in the model's metadata with those that this script uses."""
    names = [tensor.name for tensor in (*metadata.inputs, *metadata.outputs)]
    is_right = names == ["images", "probabilities", "digit"]
    return Check(client, "model metadata", " ".join(names), is_right)


async def resolve(result: Any) -> Any:
    """Return the result of a call of either client; the asyncio client's is awaited."""
    return await result if inspect.isawaitable(result) else result


async def check_client(module: Any, address: str, *, is_explicit: bool) -> list[Check]:
    """Make all requests with one of the clients.

    Args:
        module: The client's module.
        address: ``host:port`` of the server.
        is_explicit: Whether infer requests name the model's version and the outputs.
    """
    name, options = module.__name__, {"client_timeout": TIMEOUT_SECONDS}
    client = module.InferenceServerClient(address)
    try:
        states = {
            "server live": await resolve(client.is_server_live(**options)),
            "server ready": await resolve(client.is_server_ready(**options)),
            "model ready": await resolve(client.is_model_ready(MODEL, **options)),
        }
        checks = [Check(name, request, str(state), state) for request, state in states.items()]
        server = await resolve(client.get_server_metadata(**options))
        response = f"{server.name} {server.version}"
        is_right = bool(server.name and server.version)
        checks.append(Check(name, "server metadata", response, is_right))
        metadata = await resolve(client.get_model_metadata(MODEL, **options))
        checks.append(check_model_metadata(name, metadata))
        infer_options: dict[str, Any] = {}
        if is_explicit:
            infer_options["model_version"] = metadata.versions[0]
            infer_options["outputs"] = [
                module.InferRequestedOutput(output) for output in ("digit", "probabilities")
            ]
        for images in make_tensors():
            tensor = module.InferInput("images", images.shape, np_to_triton_dtype(images.dtype))
            tensor.set_data_from_numpy(images)
            result = await resolve(client.infer(MODEL, [tensor], **infer_options, **options))
            checks.append(check_result(name, images, result))
    finally:
        await resolve(client.close())
    return checks


async def check_both(address: str) -> list[Check]:
    """Make all requests with the blocking and with the asyncio client."""
    return [
        *await check_client(blocking, address, is_explicit=False),
        *await check_client(asynchronous, address, is_explicit=True),
    ]


async def check_http_client(module: Any, address: str, *, is_binary: bool) -> list[Check]:
    """Make all requests with one of the clients for HTTP.

    Args:
        module: The client's module.
        address: ``host:port`` of the gateway.
        is_binary: Whether tensors are sent as binary data, and outputs are left to the client's
            default; otherwise both are JSON, and the version is named.
    """
    name = module.__name__
    client = module.InferenceServerClient(address)
    try:
        states = {
            "server live": await resolve(client.is_server_live()),
            "server ready": await resolve(client.is_server_ready()),
            "model ready": await resolve(client.is_model_ready(MODEL)),
        }
        checks = [Check(name, request, str(state), state) for request, state in states.items()]
        server = await resolve(client.get_server_metadata())
        is_right = bool(server["name"] and "binary_tensor_data" in server["extensions"])
        checks.append(Check(name, "server metadata", server["name"], is_right))
        metadata = await resolve(client.get_model_metadata(MODEL))
        names = [tensor["name"] for tensor in (*metadata["inputs"], *metadata["outputs"])]
        is_right = names == ["images", "probabilities", "digit"]
        checks.append(Check(name, "model metadata", " ".join(names), is_right))
        options: dict[str, Any] = {}
        if not is_binary:
            options["model_version"] = metadata["versions"][0]
            options["outputs"] = [
                module.InferRequestedOutput(output, binary_data=False)
                for output in ("digit", "probabilities")
            ]
        for images in make_tensors():
            tensor = module.InferInput("images", images.shape, np_to_triton_dtype(images.dtype))
            tensor.set_data_from_numpy(images, binary_data=is_binary)
            result = await resolve(client.infer(MODEL, [tensor], **options))
            checks.append(check_result(name, images, result))
    finally:
        await resolve(client.close())
    return checks


async def check_both_by_http(address: str) -> list[Check]:
    """Make all requests with the blocking and with the asyncio client, in both forms of tensors."""
    # Imported only here: the blocking one brings its own event loop.
    import tritonclient.http
    import tritonclient.http.aio

    checks: list[Check] = []
    for is_binary in (True, False):
        checks += await check_http_client(tritonclient.http, address, is_binary=is_binary)
        checks += await check_http_client(tritonclient.http.aio, address, is_binary=is_binary)
    return checks


def show(checks: list[Check]) -> None:
    """Print a table."""
    widths = [
        max(len(getattr(check, column)) for check in checks)
        for column in ("client", "request", "response")
    ]
    for check in checks:
        cells = (check.client, check.request, check.response)
        row = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        print(row, "right" if check.is_right else "WRONG", sep="  ")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", help="host:port of a digits server, or of digits-web")
    parser.add_argument("--http", action="store_true", help="use the clients for HTTP")
    parsed = parser.parse_args()
    address = parsed.address
    try:
        checks = asyncio.run((check_both_by_http if parsed.http else check_both)(address))
    except InferenceServerException as error:
        print(f"{address}: {error}", file=sys.stderr)
        return 1
    show(checks)
    return 0 if all(check.is_right for check in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
