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
        command of this package can only then handle it.
        """
        import importlib

        if name == "__all__" or not name.startswith("__"):
            public = vars(importlib.import_module(".public", __name__))
            names = public.get("__all__")
            if names is not None:  # else it is just being imported
                globals().update({each: public[each] for each in (*names, "__all__")})
            if name in globals():
                return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
