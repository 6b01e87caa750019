"""Keeps gRPC from logging what callers get as errors. To be imported before gRPC.

By default gRPC writes a line to standard error for each TLS handshake that fails. It reads the
variable only when it is imported; a value of the user's stays.
"""

import os

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
