"""The command ``digits-server``: serve, and ask a server for its health."""

import argparse
import importlib.metadata
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from .settings import DEFAULT_HOST, DEFAULT_PORT, Settings, SettingsError

DESCRIPTION = "Serve a model that recognizes handwritten digits, over gRPC."
EPILOG = """\
Every flag has an environment variable: --max-queue-images is DIGITS_MAX_QUEUE_IMAGES.
A flag wins over its variable.

The server is ready when it logs "ready on HOST:PORT"; grpc.health.v1 then says SERVING.
SIGTERM and SIGINT end it once the calls in flight are answered. It looks for a higher
version in the models folder every few seconds, and on SIGHUP.

exit status: 0 ended when asked, 1 could not start, 2 wrong usage

examples:
  digits-server
  digits-server --host 0.0.0.0 --port 8500 --models-dir models
  digits-server --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem --tokens-file tokens \\
    --admin-port 9090
  digits-server healthcheck 127.0.0.1:8500
"""
HEALTHCHECK_TIMEOUT_SECONDS = 3.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if parsed.command == "healthcheck":
        if (parsed.client_cert is None) != (parsed.client_key is None):
            parser.error("--client-cert and --client-key belong together")
        return healthcheck(parsed)
    try:
        settings = Settings.resolve(parsed, os.environ)
    except SettingsError as error:
        parser.error(str(error))
    from .ops.logs import configure

    configure(settings.log_level, settings.log_format)
    if settings.workers > 1:
        # Neither gRPC nor the model runtime is loaded in the supervisor.
        from .workers.supervisor import run_supervisor

        return run_supervisor(settings, has_parent=parsed.until_stdin_ends)
    from .app import run_server

    return run_server(settings, has_parent=parsed.until_stdin_ends)


def healthcheck(parsed: argparse.Namespace) -> int:
    """Ask a server whether it serves; print the answer; return 0 for yes and 1 for no."""
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    address = parsed.address
    try:
        # As gRPC wants them: authorities, key, certificate.
        given = (parsed.tls_ca, parsed.client_key, parsed.client_cert)
        files = [None if file is None else Path(file).read_bytes() for file in given]
    except OSError as error:
        print(f"digits-server: {error.filename} cannot be read: {error.strerror}", file=sys.stderr)
        return 1
    with (
        grpc.secure_channel(address, grpc.ssl_channel_credentials(*files))
        if any(files)
        else grpc.insecure_channel(address)
    ) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(
                health_pb2.HealthCheckRequest(service=parsed.service),
                timeout=HEALTHCHECK_TIMEOUT_SECONDS,
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
        help="for a server that belongs to another process: report the address on standard output "
        "when ready, and end when standard input ends",
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
    check.add_argument(
        "--service",
        metavar="NAME",
        default="",
        help="liveness, readiness or a service's full name; default: the server as a whole",
    )
    for flag, what in (
        ("--tls-ca", "ask by TLS, and trust the authorities in this PEM file"),
        ("--client-cert", "show the certificate in this PEM file"),
        ("--client-key", "its key, as PEM"),
    ):
        check.add_argument(flag, metavar="FILE", help=what)
    return parser


if __name__ == "__main__":
    sys.exit(main())
