"""The client library of digits: recognize handwritten digits with a digits server.

Example:
    with Client("127.0.0.1:50051") as client:
        prediction = client.recognize("seven.png")
        print(prediction.digit, prediction.confidence)
        print(client.recognize_number("2026.png").text)

``AsyncClient`` has the same methods for asyncio.
"""

import typing

from . import grpc_log  # noqa: F401 - before gRPC is imported

if typing.TYPE_CHECKING:
    from .public import *  # noqa: F403 - all of them
    from .public import __all__ as __all__
else:

    def __getattr__(name: str) -> object:
        """Import the library when one of its names is first used.

        Not before, because gRPC takes longer to import than a person needs to press Ctrl-C, and a
        command of this package can only then handle it. Names of modules are lower case.
        """
        if name != "__all__" and not name[0].isupper():
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from . import public

        return getattr(public, name)
