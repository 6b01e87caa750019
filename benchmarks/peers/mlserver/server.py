"""The shipped network behind MLServer: its gRPC, adaptive batching.

No pool of workers, which is there for models that hold Python's lock: this one lets go of it
and takes both cores, and a pool adds a way between processes. A wait of 1 ms.
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
    """Return a port for what nobody asks here: MLServer wants one for HTTP."""
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
