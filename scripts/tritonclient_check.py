"""Ask a running digits server by the unmodified clients of Triton, and say whether they are right.

    python scripts/tritonclient_check.py 127.0.0.1:50051

Needs ``tritonclient[grpc]`` and Pillow in an environment of their own, which ``make test`` makes:
that client wants an older protobuf than ours, and so nothing of digits is imported here. The
blocking client and that of asyncio each ask for liveness, readiness and metadata, and then for
the ten known digits, as UINT8 and as FP32. Exit status 1: one answer was wrong.
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
SIZE = 28
TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Answer:
    """What one question brought."""

    client: str
    question: str
    answer: str
    is_right: bool


def self_test_images() -> NDArray[np.uint8]:
    """Return the drawings of 0 to 9, made as small as MNIST's: (10, 28, 28) uint8."""
    return np.stack(
        [
            np.asarray(
                Image.open(SELF_TEST_IMAGES / f"{digit}.png")
                .convert("L")
                .resize((SIZE, SIZE), Image.Resampling.BOX)
            )
            for digit in range(10)
        ]
    )


def tensors() -> list[NDArray[np.generic]]:
    """Return the same ten images in the forms that they are asked in."""
    images = self_test_images()
    return [
        images,
        images.astype(np.float32) / 255,
        images.reshape(len(images), -1).astype(np.float32),
        images[:, None],
    ]


def question_of(images: NDArray[np.generic]) -> str:
    """Name an infer request by its tensor."""
    return f"infer {np_to_triton_dtype(images.dtype)} {[*images.shape]} to {images.max():g}"


def answer_of(client: str, images: NDArray[np.generic], result: blocking.InferResult) -> Answer:
    """Compare an infer result with what is known of the images."""
    digits, probs = result.as_numpy("digit"), result.as_numpy("probabilities")
    is_right = (
        digits.tolist() == [*range(10)]
        and probs.shape == (10, 10)
        and bool((probs.argmax(axis=1) == digits).all())
        and bool(np.allclose(probs.sum(axis=1), 1, atol=1e-5))
    )
    return Answer(client, question_of(images), " ".join(map(str, digits)), is_right)


def answer_of_metadata(client: str, metadata: Any) -> Answer:
    """Compare the model's metadata with the tensors that are asked for here."""
    told = [tensor.name for tensor in (*metadata.inputs, *metadata.outputs)]
    is_right = told == ["images", "probabilities", "digit"]
    return Answer(client, "model metadata", " ".join(told), is_right)


async def answered(result: Any) -> Any:
    """Return what a call of either client brought: that of asyncio has to be awaited."""
    return await result if inspect.isawaitable(result) else result


async def ask(module: Any, address: str, *, by_name: bool) -> list[Answer]:
    """Ask everything by one of the clients.

    Args:
        module: The client's.
        address: The server's.
        by_name: Whether to name the model's version and the outputs that are wanted.
    """
    name, patience = module.__name__, {"client_timeout": TIMEOUT_SECONDS}
    client = module.InferenceServerClient(address)
    try:
        states = {
            "server live": await answered(client.is_server_live(**patience)),
            "server ready": await answered(client.is_server_ready(**patience)),
            "model ready": await answered(client.is_model_ready(MODEL, **patience)),
        }
        answers = [Answer(name, question, str(state), state) for question, state in states.items()]
        server = await answered(client.get_server_metadata(**patience))
        told = f"{server.name} {server.version}"
        answers.append(Answer(name, "server metadata", told, bool(server.name and server.version)))
        metadata = await answered(client.get_model_metadata(MODEL, **patience))
        answers.append(answer_of_metadata(name, metadata))
        wanted: dict[str, Any] = {}
        if by_name:
            wanted["model_version"] = metadata.versions[0]
            wanted["outputs"] = [
                module.InferRequestedOutput(output) for output in ("digit", "probabilities")
            ]
        for images in tensors():
            tensor = module.InferInput("images", images.shape, np_to_triton_dtype(images.dtype))
            tensor.set_data_from_numpy(images)
            result = await answered(client.infer(MODEL, [tensor], **wanted, **patience))
            answers.append(answer_of(name, images, result))
    finally:
        await answered(client.close())
    return answers


async def ask_both(address: str) -> list[Answer]:
    """Ask by the blocking client and by that of asyncio."""
    return [
        *await ask(blocking, address, by_name=False),
        *await ask(asynchronous, address, by_name=True),
    ]


def show(answers: list[Answer]) -> None:
    """Print a table."""
    widths = [
        max(len(getattr(answer, column)) for answer in answers)
        for column in ("client", "question", "answer")
    ]
    for answer in answers:
        cells = (answer.client, answer.question, answer.answer)
        row = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        print(row, "right" if answer.is_right else "WRONG", sep="  ")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", help="host:port of a digits server")
    address = parser.parse_args().address
    try:
        answers = asyncio.run(ask_both(address))
    except InferenceServerException as error:
        print(f"{address}: {error}", file=sys.stderr)
        return 1
    show(answers)
    return 0 if all(answer.is_right for answer in answers) else 1


if __name__ == "__main__":
    sys.exit(main())
