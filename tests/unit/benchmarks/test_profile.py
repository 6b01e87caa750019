"""The layers of the profile: a renamed module must not move its time to another layer."""

from pathlib import Path

import pytest

import digits_server
from benchmarks.limits import profile

SERVER = Path(digits_server.__file__).parent


@pytest.mark.parametrize(
    ("file", "layer"),
    [
        ("models/engine.py", "model"),
        ("preprocessing/normalize.py", "normalization"),
        ("preprocessing/decode.py", "normalization"),
        ("api/arity.py", "call wrapper and metrics"),
        ("ops/metrics.py", "call wrapper and metrics"),
        ("api/recognizer_servicer.py", "servicer, admission, batcher and predictions"),
        ("models/loaded.py", "servicer, admission, batcher and predictions"),
        ("inference/batcher.py", "servicer, admission, batcher and predictions"),
    ],
)
def test_a_sample_counts_for_the_layer_of_its_innermost_known_file(file: str, layer: str) -> None:
    assert (SERVER / file).exists()
    stack = (
        f"thread (7): MainThread;run (asyncio/runners.py:1);f (digits_server/{file}:9);g (x.py:1)"
    )
    assert profile.count_by_layer([f"{stack} 3"]) == {7: {layer: 3}}


def test_samples_of_waiting_threads_do_not_count() -> None:
    waiting = "thread (7): images_0;_worker (concurrent/futures/thread.py:81) 5"
    assert profile.count_by_layer([waiting]) == {}


def test_threads_without_any_layer_are_left_out() -> None:
    poller = "thread (8): Thread-1;_bootstrap (threading.py:1002);run (threading.py:982) 5"
    assert profile.count_by_layer([poller]) == {}
