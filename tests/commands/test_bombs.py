"""Files that cost decoders much, and floods of messages, against a real server."""

import secrets
import sys
import time
from pathlib import Path

import grpc
import pytest

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from scripts import bombs, floods
from scripts.server_process import PeakMemory, server_process

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's"),
    pytest.mark.timeout(600),  # half a minute of work for the server, on idle cores
]

# Besides the image itself, its message is in memory several times while it is passed on.
MAX_MEGABYTES = bombs.MAX_MEGABYTES + 60
PATIENCE_SECONDS = 60


def test_every_bomb_has_a_prediction_or_an_error_of_its_own() -> None:
    contents = bombs.bombs()
    small = bombs.save(bombs.drawing(side=28), "PNG")
    with server_process() as server, grpc.insecure_channel(server.address) as channel:
        stub, memory = pb_grpc.RecognizerServiceStub(channel), PeakMemory(server.process)
        costs = {name: bombs.cost_of(stub, memory, content) for name, content in contents.items()}
        after = bombs.cost_of(stub, memory, small)
        memory.stop()
    outcomes = {name: cost.outcome.partition(":")[0] for name, cost in costs.items()}
    assert set(outcomes.values()) <= {"digit", "not_a_digit", "blank", "INVALID_ARGUMENT"}
    assert after.outcome in {"digit", "not_a_digit"}
    assert {n: c for n, c in costs.items() if c.megabytes > MAX_MEGABYTES} == {}


def test_messages_without_a_token_are_not_read(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(secrets.token_hex(16))
    flood = next(flood for flood in floods.floods() if not flood.has_token)
    with server_process("--tokens-file", str(tokens)) as server:
        memory = PeakMemory(server.process)
        rest = memory.now_megabytes()
        outcomes = floods.send(server.address, flood, "", time.monotonic() + 1)
        memory.stop()
    assert set(outcomes) == {"UNAUTHENTICATED"}
    # Far less than the messages together, of which the first part is accepted.
    sent_megabytes = floods.CALLS * len(flood.content) / 10**6
    assert memory.peak_megabytes - rest < sent_megabytes / 2


def test_an_image_that_is_being_decoded_does_not_keep_small_images_waiting() -> None:
    photo = pb.Image(encoded=bombs.save(bombs.drawing(side=400), "JPEG"))
    raw = pb.Image(raw=pb.RawImage(width=28, height=28, data=bytes(28 * 28)))
    with (
        server_process("--threads", "1") as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        stub = pb_grpc.RecognizerServiceStub(channel)
        stub.Recognize(pb.RecognizeRequest(image=photo), timeout=PATIENCE_SECONDS)
        [decoder] = server.process.children()
        decoder.suspend()
        batch = stub.RecognizeBatch.future(pb.RecognizeBatchRequest(images=[photo] * 256))
        for _ in range(20):
            stub.Recognize(pb.RecognizeRequest(image=raw), timeout=PATIENCE_SECONDS)
        assert not batch.done()
        decoder.resume()
        assert len(batch.result(PATIENCE_SECONDS).results) == 256
