"""How the native transport stops."""

from typing import Any

import pytest

from digits_server.api import native


@pytest.mark.parametrize(
    ("grace", "expected"), [(1.0, ["wait", "close"]), (0.0, ["close"]), (None, ["close"])]
)
async def test_connections_are_closed_after_a_delay_if_there_is_a_grace_period(
    grace: float | None, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    class RecordingFront:
        """The native transport with its ``close`` recorded."""

        def __init__(self, front: Any) -> None:
            self._front = front

        def __getattr__(self, name: str) -> Any:
            return getattr(self._front, name)

        def close(self) -> None:
            steps.append("close")
            self._front.close()

    server = native.NativeServer()
    server.add_insecure_port("127.0.0.1:0")
    server._front = RecordingFront(server._front)
    monkeypatch.setattr("digits_server.api.native.time.sleep", lambda _: steps.append("wait"))
    await server.start()
    await server.stop(grace)
    assert steps[: len(expected)] == expected
