"""The shipped network behind MLServer: its gRPC, adaptive batching.

No worker pool: that is for models that hold Python's lock. This one releases the lock and uses both
cores, and a pool would add communication between processes. The batching delay is 1 ms.
"""

import asyncio
import os
import socket

from mlserver import MLServer, ModelSettings, Settings
from mlserver.settings import ModelParameters

from benchmarks.peers.mlserver.runtime import Digits

MAX_BATCH_IMAGES = 256
BATCH_SECONDS = 0.001


def free_port() -> int:
    """Return a free port for HTTP, which MLServer requires and nobody uses here."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


async def main() -> None:
    """Serve until a signal."""
    server = MLServer(
        Settings(
            host="127.0.0.1",
            grpc_port=int(os.environ["PORT"]),
            http_port=free_port(),
            metrics_endpoint=None,
            parallel_workers=0,
            debug=False,
        )
    )
    model = ModelSettings(
        name="digits",
        implementation=Digits,
        max_batch_size=MAX_BATCH_IMAGES,
        max_batch_time=BATCH_SECONDS,
        parameters=ModelParameters(),
    )
    await server.start([model])


if __name__ == "__main__":
    asyncio.run(main())
