"""The command ``digits-server``: runs a server, or checks the health of one."""

import argparse
import importlib.metadata
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from digits.address import check_address
from digits.arguments import utf8
from digits.command_parser import CommandParser
from digits.extras import MissingExtraError, require
from digits.loopback import is_loopback_address
from digits.settings import SettingsError, flag_name
from digits.standard_streams import open_closed_streams

from .settings import DEFAULT_HOST, DEFAULT_PORT, Settings

DESCRIPTION: Final = "Run a gRPC server that recognizes handwritten digits."
EPILOG: Final = """\
Every flag has an environment variable: --max-queue-images is DIGITS_MAX_QUEUE_IMAGES.
A flag overrides its variable.

The server is ready when it logs "ready on HOST:PORT"; grpc.health.v1 then reports SERVING.
On SIGTERM and SIGINT it finishes the calls in flight and exits. It checks the models folder
for a higher version every few seconds, and on SIGHUP.

exit status: 0 stopped by a signal, 1 could not start or did not stop in time, 2 invalid usage

examples:
  digits-server
  digits-server --host 0.0.0.0 --port 8500 --models-dir models
  digits-server --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem --tokens-file tokens \\
    --admin-port 9090
  digits-server healthcheck 127.0.0.1:8500
"""
HEALTHCHECK_TIMEOUT_SECONDS: Final = 3.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    open_closed_streams(can_be_used=True)
    parser = _parser()
    parsed = parser.parse_args(arguments)
    # gRPC reads it when it is imported. Its own lines on standard error are not ours, and not JSON.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        require("server")
        if parsed.command == "healthcheck":
            if (parsed.client_cert is None) != (parsed.client_key is None):
                parser.error("--client-cert and --client-key must be set together")
            return healthcheck(parsed)
        settings = Settings.resolve(parsed, os.environ)
        if settings.telemetry == "otlp":
            require("otel")
    except SettingsError as error:
        parser.error(str(error))
    except MissingExtraError as error:
        print(f"digits-server: {error}", file=sys.stderr)
        return 2
    # Until the server handles it, Ctrl-C ends the process without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from .ops.logs import configure

    configure(settings.log_level, settings.log_format)
    if settings.precision == "int8":
        from .ops.processor import warn_without_int8_instructions

        warn_without_int8_instructions()
    if settings.workers > 1:
        # Neither gRPC nor the model runtime is loaded in the supervisor.
        from .workers.supervisor import run_supervisor

        return run_supervisor(settings, has_parent=parsed.until_stdin_ends)
    from .app import run_server

    return run_server(settings, has_parent=parsed.until_stdin_ends)


def healthcheck(parsed: argparse.Namespace) -> int:
    """Print the health of a server; return 0 if it is SERVING and 1 otherwise."""
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    from digits.credential_files import CredentialsError, read_file
    from digits.endpoint import Endpoint

    address = parsed.address
    try:
        # In the order of gRPC's arguments.
        paths = (parsed.tls_ca, parsed.client_key, parsed.client_cert)
        credentials = [None if path is None else read_file(Path(path)) for path in paths]
    except CredentialsError as error:
        print(f"digits-server: {error}", file=sys.stderr)
        return 1
    # A proxy of the environment (http_proxy) would connect to its own loopback address.
    options: list[tuple[str, int | str]] = []
    if is_loopback_address(address):
        options.append(("grpc.enable_http_proxy", 0))
    if parsed.tls_server_name:
        options.append(("grpc.ssl_target_name_override", parsed.tls_server_name))
    with (
        grpc.secure_channel(address, grpc.ssl_channel_credentials(*credentials), options)
        if any(credentials)
        else grpc.insecure_channel(address, options)
    ) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            response = stub.Check(
                health_pb2.HealthCheckRequest(service=parsed.service),
                timeout=HEALTHCHECK_TIMEOUT_SECONDS,
            )
        except grpc.RpcError as error:
            endpoint = Endpoint(address, any(credentials), parameter_name=flag_name)
            reason = endpoint.describe(error.code(), error.details() or "")
            print(f"digits-server: {reason}", file=sys.stderr)
            return 1
    status = health_pb2.HealthCheckResponse.ServingStatus.Name(response.status)
    print(f"{address}: {status}")
    return 0 if response.status == health_pb2.HealthCheckResponse.SERVING else 1


def _address(text: str) -> str:
    try:
        check_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
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
        help="for a server started by another program: print the address to standard output when "
        "ready, and stop at the end of standard input",
    )
    commands = parser.add_subparsers(dest="command", metavar="[COMMAND]")
    check = commands.add_parser(
        "healthcheck",
        help="print the health of a server; exit status 0 if SERVING, else 1",
        description="Print the health of a server; exit status 0 if SERVING, else 1.",
    )
    check.add_argument(
        "address",
        nargs="?",
        type=_address,
        metavar="ADDRESS",
        default=f"{DEFAULT_HOST}:{DEFAULT_PORT}",
        help="host:port; default: %(default)s",
    )
    check.add_argument(
        "--service",
        type=utf8,
        metavar="NAME",
        default="",
        help="liveness, readiness or the full name of a service; default: the whole server",
    )
    for flag, text in (
        ("--tls-ca", "CA bundle (PEM) for verifying the server; enables TLS"),
        ("--client-cert", "client certificate (PEM)"),
        ("--client-key", "private key (PEM) of the client certificate"),
    ):
        check.add_argument(flag, metavar="FILE", help=text)
    check.add_argument(
        "--tls-server-name",
        type=utf8,
        metavar="NAME",
        help="name in the server's certificate, if another",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
