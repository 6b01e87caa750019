"""How both clients reach a server: options, retries, deadlines."""

import json
from typing import Final

from digits.v1 import recognizer_pb2 as pb

DEFAULT_ADDRESS: Final = "127.0.0.1:50051"
DEFAULT_TIMEOUT_SECONDS: Final = 10.0
# A stream lasts as long as somebody draws.
DEFAULT_STREAM_TIMEOUT_SECONDS: Final = 3600.0

_SERVICE: Final[str] = pb.DESCRIPTOR.services_by_name["RecognizerService"].full_name

# Every RPC only reads, so that asking twice does no harm. UNAVAILABLE alone is asked
# again: four times at most, after 0.1, 0.2 and 0.4 seconds, each give or take a share.
# Calls go to all addresses behind a name in turn.
_SERVICE_CONFIG: Final = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{"service": _SERVICE}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
}

CHANNEL_OPTIONS: Final[list[tuple[str, str | int]]] = [
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.enable_retries", 1),
    ("grpc.max_receive_message_length", -1),
    # After a server has come back, it is found within a second.
    ("grpc.max_reconnect_backoff_ms", 1000),
]
