"""The command ``digits-server``: serve, and ask a server for its health."""

import argparse
import asyncio
import importlib.metadata
import logging
import os
import sys
from collections.abc import Sequence

from .settings import DEFAULT_HOST, DEFAULT_PORT, Settings, SettingsError

DESCRIPTION = "Serve a model that recognizes handwritten digits, over gRPC."
EPILOG = """\
Every flag has an environment variable: --max-queue-images is DIGITS_MAX_QUEUE_IMAGES.
A flag wins over its variable.

The server is ready when it logs "ready on HOST:PORT"; grpc.health.v1 then says SERVING.
SIGTERM and SIGINT end it once the calls in flight are answered.

exit status: 0 ended when asked, 1 could not start, 2 wrong usage

examples:
  digits-server
  digits-server --host 0.0.0.0 --port 8500 --models-dir models
  digits-server healthcheck 127.0.0.1:8500
"""
HEALTHCHECK_TIMEOUT_SECONDS = 3.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if parsed.command == "healthcheck":
        return healthcheck(parsed.address)
    try:
        settings = Settings.resolve(parsed, os.environ)
    except SettingsError as error:
        parser.error(str(error))
    logging.basicConfig(
        level=settings.log_level,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    # The server's modules load the model runtime and gRPC: --help does without them.
    from .app import serve
    from .errors import ServerError

    try:
        asyncio.run(serve(settings, until_stdin_ends=parsed.until_stdin_ends))
    except ServerError as error:
        print(f"digits-server: {error}", file=sys.stderr)
        return 1
    return 0


def healthcheck(address: str) -> int:
    """Ask a server whether it serves; print the answer; return 0 for yes and 1 for no."""
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with grpc.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(
                health_pb2.HealthCheckRequest(), timeout=HEALTHCHECK_TIMEOUT_SECONDS
            )
        except grpc.RpcError as error:
            print(f"{address}: {error.code().name}: {error.details()}", file=sys.stderr)
            return 1
    status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    print(f"{address}: {status}")
    return 0 if answer.status == health_pb2.HealthCheckResponse.SERVING else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="digits-server",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = importlib.metadata.version("digits")
    parser.add_argument("--version", action="version", version=f"%(prog)s {version}")
    Settings.add_flags(parser)
    parser.add_argument(
        "--until-stdin-ends",
        action="store_true",
        help="also end when standard input does: for a server that belongs to another process",
    )
    commands = parser.add_subparsers(dest="command", metavar="[COMMAND]")
    check = commands.add_parser(
        "healthcheck",
        help="ask a server for its health; exit status 0 serving, 1 not",
        description="Ask a server for its health; exit status 0 serving, 1 not.",
    )
    check.add_argument(
        "address",
        nargs="?",
        metavar="ADDRESS",
        default=f"{DEFAULT_HOST}:{DEFAULT_PORT}",
        help="host:port; default: %(default)s",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
