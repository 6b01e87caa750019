"""Imports gRPC so that it logs errors only, unless ``GRPC_VERBOSITY`` says otherwise.

By default gRPC writes a line to standard error for each TLS handshake that fails. The caller gets
these failures as errors. gRPC reads the variable only when it is imported.
"""

import os
from typing import Final

_VARIABLE: Final = "GRPC_VERBOSITY"

if _VARIABLE in os.environ:
    import grpc
else:
    os.environ[_VARIABLE] = "ERROR"
    import grpc  # noqa: F401

    del os.environ[_VARIABLE]
