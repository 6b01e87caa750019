"""What a session tells the window."""

from dataclasses import dataclass

from digits_client.results import Model, Prediction


@dataclass(frozen=True)
class Connecting:
    """A connection is being made, for the first time or after ``start_server``."""

    address: str


@dataclass(frozen=True)
class Connected:
    """The server answers."""

    address: str
    model: Model


@dataclass(frozen=True)
class Disconnected:
    """The server does not answer. It is tried again by itself."""

    reason: str
    """A sentence."""
    retry_seconds: float


@dataclass(frozen=True)
class Answered:
    """The answer to an image."""

    ticket: int
    """The number that came with the image."""
    prediction: Prediction
    round_trip_seconds: float
    """From handing the image to gRPC to having the answer."""


@dataclass(frozen=True)
class Failed:
    """An image has no answer, and will have none."""

    ticket: int
    reason: str
    """A sentence."""


Event = Connecting | Connected | Disconnected | Answered | Failed
