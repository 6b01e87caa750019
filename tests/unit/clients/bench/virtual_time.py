"""An event loop with virtual time, which advances at once when every task sleeps."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Returned = TypeVar("Returned")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock starts at 0."""

    def __init__(self) -> None:
        self._instant_selector = _InstantSelector()
        super().__init__(self._instant_selector)

    def time(self) -> float:
        return self._instant_selector.now

    def block(self, seconds: float) -> None:
        """Let time pass without a turn for other tasks."""
        self._instant_selector.now += seconds


class _InstantSelector(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "all tasks would wait forever"
        self.now += max(0.0, timeout)
        return super().select(0)


def run(main: Coroutine[Any, Any, Returned]) -> Returned:
    """Run a coroutine in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
