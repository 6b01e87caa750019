"""What happens to the files with tokens and certificates, at real server processes."""

import contextlib
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
import trustme
from prometheus_client.parser import text_string_to_metric_families

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from tests.processes import PATIENCE_SECONDS, ServerProcess, ready_addresses, wait_until

if TYPE_CHECKING:
    from tests.processes import Run, StartServer

AGE = "digits_credentials_age_seconds"
OLD, NEW = "old-token-0123456789", "new-token-0123456789"
# A server whose file FILE hangs, as on a dead network mount, once there is a FIFO FILE.hangs.
HANGING_SERVER = """
import sys
from pathlib import Path
from digits import credential_files

read_file = credential_files.read_file

def read_or_hang(path):
    if Path(f"{path}.hangs").exists():
        Path(f"{path}.hangs").open()
    return read_file(path)

credential_files.read_file = read_or_hang
from digits_server.cli import main
sys.exit(main())
"""


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    file = tmp_path / "tokens"
    file.write_text(OLD)
    return file


@contextlib.contextmanager
def hanging_server(environment: dict[str, str], *flags: str) -> Iterator[ServerProcess]:
    """Run the server whose files can hang until the context ends."""
    command = [sys.executable, "-c", HANGING_SERVER, "--port", "0", "--admin-port", "0", *flags]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            yield ServerProcess(process, *ready_addresses(process.stderr))
        finally:
            process.kill()


def code_of(
    address: str, token: str, credentials: grpc.ChannelCredentials | None = None
) -> grpc.StatusCode:
    """Return the status of a call with a token on a connection of its own."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    with (
        grpc.insecure_channel(address, options)
        if credentials is None
        else grpc.secure_channel(address, credentials, options)
    ) as channel:
        call = pb_grpc.RecognizerServiceStub(channel).GetModel.with_call
        try:
            _, ended = call(
                pb.GetModelRequest(),
                timeout=PATIENCE_SECONDS,
                metadata=(("authorization", f"Bearer {token}"),),
            )
        except grpc.RpcError as error:
            return error.code()
        return ended.code()


def accepts(server: ServerProcess, token: str) -> bool:
    code = code_of(server.address, token)
    assert code in (grpc.StatusCode.OK, grpc.StatusCode.UNAUTHENTICATED)
    return code == grpc.StatusCode.OK


def metric(server: ServerProcess, name: str, **labels: str) -> float:
    """Return the value of a metric; 0 if it has none."""
    url = f"http://{server.admin_address}/metrics"
    with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as response:
        families = text_string_to_metric_families(response.read().decode())
    samples = [sample for family in families for sample in family.samples]
    return next((one.value for one in samples if (one.name, one.labels) == (name, labels)), 0)


def stop(server: ServerProcess) -> None:
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE_SECONDS) == 0


@pytest.mark.parametrize("fault", ["emptied", "deleted", "a FIFO", "endless"])
def test_tokens_stay_valid_for_a_grace_period_when_their_file_becomes_invalid(
    start_server: "StartServer", tokens: Path, fault: str
) -> None:
    flags = ("--tokens-file", str(tokens), "--tokens-grace-seconds", "5", "--admin-port", "0")
    server = start_server(*flags)
    tokens.unlink()
    if fault == "emptied":
        tokens.touch()
    elif fault == "a FIFO":
        os.mkfifo(tokens)
    elif fault == "endless":
        tokens.touch()
        os.truncate(tokens, 2**40)
    wait_until(lambda: metric(server, AGE, files="tokens") > 2)
    # The age may pass the grace period between the two calls.
    assert accepts(server, OLD) or metric(server, AGE, files="tokens") > 5
    wait_until(lambda: not accepts(server, OLD))
    assert metric(server, AGE, files="tokens") > 5
    tokens.unlink(missing_ok=True)
    tokens.write_text(f"{NEW}\n")
    wait_until(lambda: accepts(server, NEW))
    assert not accepts(server, OLD)
    stop(server)


def test_a_token_file_that_hangs_stops_nothing_and_its_tokens_expire(
    environment: dict[str, str], tokens: Path
) -> None:
    flags = ("--tokens-file", str(tokens), "--tokens-grace-seconds", "5")
    with hanging_server(environment, *flags) as server:
        assert accepts(server, OLD)
        os.mkfifo(f"{tokens}.hangs")
        tokens.write_text(NEW)
        wait_until(lambda: not accepts(server, OLD))
        assert not accepts(server, NEW)
        stop(server)


def test_a_certificate_that_hangs_stops_nothing(
    environment: dict[str, str], tmp_path: Path
) -> None:
    authority = trustme.CA()
    flags = write_certificate(tmp_path, authority)
    credentials = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
    with hanging_server(environment, *flags) as server:
        os.mkfifo(tmp_path / "key.hangs")
        wait_until(
            lambda: metric(server, "digits_credentials_age_seconds", files="certificate") > 2
        )
        assert code_of(server.address, "", credentials) == grpc.StatusCode.OK
        stop(server)


def test_a_file_that_hangs_at_the_start_is_an_error(
    environment: dict[str, str], tokens: Path
) -> None:
    os.mkfifo(f"{tokens}.hangs")
    ended = subprocess.run(
        [sys.executable, "-c", HANGING_SERVER, "--port", "0", "--tokens-file", str(tokens)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == (
        f"digits-server: {tokens} could not be read within 10 s"
    )


@pytest.mark.parametrize("flags", [("--tokens-file",), ("--tls-cert", "--tls-key")])
def test_a_fifo_at_the_start_is_an_error(
    run: "Run", tmp_path: Path, flags: tuple[str, ...]
) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    ended = run("digits_server", "--port", "0", *(f"{flag}={path}" for flag in flags))
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == f"digits-server: {path} is not a regular file"


def write_certificate(folder: Path, authority: trustme.CA, last_day: int = 1) -> tuple[str, ...]:
    """Write a certificate that is valid until some days from now; return the flags for it."""
    issued = authority.issue_cert(
        "127.0.0.1",
        not_before=datetime.now(UTC) - timedelta(days=30),
        not_after=datetime.now(UTC) + timedelta(days=last_day),
    )
    for name, pem in (("cert", issued.cert_chain_pems[0]), ("key", issued.private_key_pem)):
        # As it should be done: a reader finds the old or the new content.
        pem.write_to_path(str(folder / f"{name}.part"))
        (folder / f"{name}.part").rename(folder / name)
    return "--tls-cert", str(folder / "cert"), "--tls-key", str(folder / "key")


def test_an_expired_certificate_does_not_replace_a_valid_one(
    start_server: "StartServer", tmp_path: Path
) -> None:
    authority = trustme.CA()
    server = start_server("--admin-port", "0", *write_certificate(tmp_path, authority))
    credentials = grpc.ssl_channel_credentials(authority.cert_pem.bytes())

    def expiry() -> float:
        return metric(server, "digits_certificate_expiry_timestamp_seconds")

    first = expiry()
    assert abs(first - datetime.now(UTC).timestamp() - 86_400) < PATIENCE_SECONDS
    write_certificate(tmp_path, authority, -1)
    assert server.process.stderr is not None
    line = ""
    while "expired" not in line:  # both files are replaced; before, they do not match
        line = server.process.stderr.readline()
    assert f"the previous certificate stays in use: the certificate in {tmp_path}" in line
    assert expiry() == first
    assert code_of(server.address, "", credentials) == grpc.StatusCode.OK
    write_certificate(tmp_path, authority, 9)
    wait_until(lambda: expiry() > first)
    assert code_of(server.address, "", credentials) == grpc.StatusCode.OK
    stop(server)
