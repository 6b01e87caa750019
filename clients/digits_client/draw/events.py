"""Events that a session delivers to the window."""

from collections.abc import Callable
from dataclasses import dataclass

from digits_client.results import Model, Number


@dataclass(frozen=True)
class Connecting:
    """The session connects for the first time, or to a server that it has started."""

    address: str


@dataclass(frozen=True)
class StartingServer:
    """The session starts a private server."""

    address: str | None = None
    """The default address, if that is because none is running there; None if a private server was
    requested, or was lost."""


@dataclass(frozen=True)
class Connected:
    """The server is reachable and serves a model."""

    address: str
    model: Model
    is_private: bool = False
    """Whether the session started it."""


@dataclass(frozen=True)
class Disconnected:
    """The connection failed or was lost. The session retries automatically."""

    reason: str
    """A sentence that can be shown to the user."""
    retry_seconds: float
    """Time until the next attempt."""


@dataclass(frozen=True)
class Recognized:
    """An image was read."""

    revision: int
    """The revision that the image was sent with."""
    number: Number
    """What was read: with boxes in pixels of the image that was sent."""
    round_trip_seconds: float
    """From handing the encoded image to gRPC to receiving the response."""


@dataclass(frozen=True)
class Failed:
    """An image has no prediction, and the session will not retry it."""

    revision: int
    """The revision that the image was sent with."""
    reason: str
    """A sentence that can be shown to the user."""


Event = Connecting | StartingServer | Connected | Disconnected | Recognized | Failed
Deliver = Callable[[Event], None]
"""Receives each event, in the session's thread. It must not block."""
