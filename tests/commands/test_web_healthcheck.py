"""The health check of a gateway's container, against a real gateway."""

import subprocess
import sys
import urllib.parse

from tests.processes import PATIENCE_SECONDS, Run


def test_a_gateway_is_healthy_while_it_runs_also_without_its_server(
    environment: dict[str, str], run: Run
) -> None:
    command = [sys.executable, "-m", "digits_client.web.cli", "--server", "127.0.0.1:1"]
    with subprocess.Popen(
        [*command, "--port", "0", "--no-open"], env=environment, stdout=subprocess.PIPE, text=True
    ) as gateway:
        try:
            assert gateway.stdout is not None
            port = str(urllib.parse.urlsplit(gateway.stdout.readline()).port)
            healthy = run("digits_client.web.healthcheck", DIGITS_WEB_PORT=port)
            gateway.terminate()
            assert gateway.wait(PATIENCE_SECONDS) == 0
        finally:
            gateway.kill()
    stopped = run("digits_client.web.healthcheck", DIGITS_WEB_PORT=port)
    assert (healthy.returncode, healthy.stderr) == (0, "")
    assert stopped.returncode == 1
    assert stopped.stderr.startswith(f"http://127.0.0.1:{port}/ does not respond: ")
