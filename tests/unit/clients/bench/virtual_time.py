"""An event loop whose clock moves only when everybody sleeps, and then at once."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Returned = TypeVar("Returned")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Begins at 0."""

    def __init__(self) -> None:
        self._sleeper = _Sleeper()
        super().__init__(self._sleeper)

    def time(self) -> float:
        return self._sleeper.now

    def work(self, seconds: float) -> None:
        """Let time pass in which nobody else has a turn."""
        self._sleeper.now += seconds


class _Sleeper(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "nothing would ever happen"
        self.now += max(0.0, timeout)
        return super().select(0)


def run(main: Coroutine[Any, Any, Returned]) -> Returned:
    """Run a program in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
