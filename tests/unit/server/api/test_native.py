"""What is mended of the native transport."""

from typing import Any

import pytest

from digits_server.api import native


@pytest.mark.parametrize(
    ("grace", "expected"), [(1.0, ["wait", "close"]), (0.0, ["close"]), (None, ["close"])]
)
async def test_connections_are_closed_after_a_while_if_there_is_any_grace(
    grace: float | None, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    class Front:
        """The part of the transport that ends it."""

        def __init__(self, front: Any) -> None:
            self._front = front

        def __getattr__(self, name: str) -> Any:
            return getattr(self._front, name)

        def close(self) -> None:
            done.append("close")
            self._front.close()

    server = native.NativeServer()
    server.add_insecure_port("127.0.0.1:0")
    server._front = Front(server._front)
    monkeypatch.setattr("digits_server.api.native.time.sleep", lambda _: done.append("wait"))
    await server.start()
    await server.stop(grace)
    assert done[: len(expected)] == expected
