"""The decoding process on systems without Linux's limits."""

import io
import sys

import pytest

from digits_server.decoders import __main__ as decoding
from digits_server.decoders import process
from tests import needs


def test_on_windows_a_process_goes_on_after_it_was_refused_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    decoding._start_afresh(io.BytesIO())  # would replace the process of the tests


@needs.resource_limits
def test_memory_is_limited_only_where_the_system_can(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "resource", None)
        decoding._limit_memory(2**20)
    with monkeypatch.context() as patch:
        patch.setattr(decoding, "_STATUS", "/nowhere")
        decoding._limit_memory(2**20)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_an_end_is_described_where_there_are_no_timers_of_cpu_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr("signal.SIGPROF", raising=False)
    error = process._ended_error(3)
    assert (error.cause, str(error)) == ("crashed", "a decoding process ended: status 3")
