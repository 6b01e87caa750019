"""Programs that use ``Client.embedded`` and ``AsyncClient.embedded``, and how their servers end."""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image

from digits_client import AsyncClient, Client, UnavailableError
from tests.processes import PATIENCE_SECONDS, ROOT, wait_until

BLOCKING = """
from digits_client import Client
with Client.embedded() as client:
    print(client.recognize("samples/3/thin.png").digit, flush=True)
    {then}
"""
ASYNC = """
import asyncio
from digits_client import AsyncClient
async def main():
    async with AsyncClient.embedded() as client:
        print((await client.recognize("samples/3/thin.png")).digit, flush=True)
        {then}
asyncio.run(main())
"""
WAITING = [BLOCKING.format(then="input()"), ASYNC.format(then="await asyncio.Event().wait()")]
# They fail once a line is written to them.
FAILING = [each.format(then="1 / len(input())") for each in (BLOCKING, ASYNC)]
NEVER_CLOSED = """
from digits_client import Client
client = Client.embedded()
print(client.recognize("samples/3/thin.png").digit, flush=True)
input()
"""


@contextlib.contextmanager
def running(program: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def servers() -> list[psutil.Process]:
    """Return the servers that this process has started."""
    return [one for one in psutil.Process().children() if "digits_server" in one.cmdline()]


def server_of(process: subprocess.Popen[str]) -> psutil.Process:
    """Wait until a program has recognized its image, and return its server."""
    assert process.stdout is not None
    assert process.stdout.readline() == "3\n"
    [server] = psutil.Process(process.pid).children()
    assert "digits_server" in server.cmdline()
    return server


def test_a_client_starts_its_server_and_ends_it() -> None:
    with Client.embedded() as client:
        [server] = servers()
        assert client.recognize(ROOT / "samples" / "7" / "thin.png").digit == 7
    assert not server.is_running()
    client.close()  # once more


async def test_an_asyncio_client_starts_its_server_and_ends_it() -> None:
    async with AsyncClient.embedded() as client:
        [server] = servers()
        assert (await client.recognize(ROOT / "samples" / "7" / "thin.png")).digit == 7
    assert not server.is_running()


def test_each_client_has_a_server_of_its_own() -> None:
    with Client.embedded() as first, Client.embedded() as second:
        assert len(servers()) == 2
        first.close()
        assert len(servers()) == 1
        assert second.recognize(ROOT / "samples" / "7" / "thin.png").digit == 7
    assert not servers()


def test_the_server_ends_with_a_client_that_is_not_closed_but_freed() -> None:
    client = Client.embedded()
    [server] = servers()
    del client
    assert not server.is_running()


def test_cancelling_a_task_while_its_server_starts_ends_both() -> None:
    async def use() -> None:
        async with AsyncClient.embedded():
            raise AssertionError("it was cancelled before")

    async def cancel() -> None:
        using = asyncio.ensure_future(use())
        await asyncio.to_thread(wait_until, servers)
        using.cancel()
        await asyncio.wait([using])
        assert using.cancelled()

    asyncio.run(cancel())
    assert not servers()


def test_without_the_server_both_clients_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    async def use() -> None:
        async with AsyncClient.embedded():
            pass

    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    message = r"^a private server cannot start: .* pip install 'digits\[server\]', or name"
    with pytest.raises(UnavailableError, match=message):
        Client.embedded()
    with pytest.raises(UnavailableError, match=message):
        asyncio.run(use())


@pytest.mark.parametrize("program", FAILING, ids=["Client", "AsyncClient"])
def test_the_server_ends_before_a_program_that_fails(
    program: str, environment: dict[str, str]
) -> None:
    with running(program, environment) as process:
        server = server_of(process)
        _, errors = process.communicate("\n", timeout=PATIENCE_SECONDS)
    assert errors.splitlines()[-1].startswith("ZeroDivisionError")
    assert "Exception ignored" not in errors
    assert not server.is_running()


@pytest.mark.parametrize("program", WAITING, ids=["Client", "AsyncClient"])
def test_the_server_ends_before_a_program_that_is_interrupted(
    program: str, environment: dict[str, str]
) -> None:
    with running(program, environment) as process:
        server = server_of(process)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert "Exception ignored" not in errors
    assert not server.is_running()


@pytest.mark.parametrize("program", WAITING, ids=["Client", "AsyncClient"])
def test_an_interrupt_while_the_server_starts_ends_both(
    program: str, environment: dict[str, str]
) -> None:
    with running(program, environment) as process:
        children = psutil.Process(process.pid).children
        wait_until(children)
        [server] = children()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)
        _, alive = psutil.wait_procs([server], timeout=PATIENCE_SECONDS)
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert not alive


@pytest.mark.parametrize("program", WAITING, ids=["Client", "AsyncClient"])
def test_the_server_ends_after_a_program_that_is_killed(
    program: str, environment: dict[str, str]
) -> None:
    with running(program, environment) as process:
        server = server_of(process)
        process.kill()
        process.wait(PATIENCE_SECONDS)
        _, alive = psutil.wait_procs([server], timeout=PATIENCE_SECONDS)
    assert not alive


def test_the_server_of_a_client_that_is_never_closed_ends_with_the_interpreter(
    environment: dict[str, str],
) -> None:
    with running(NEVER_CLOSED, environment) as process:
        server = server_of(process)
        _, errors = process.communicate("go on\n", timeout=PATIENCE_SECONDS)
    assert (process.returncode, errors) == (0, "")
    assert not server.is_running()


def test_nothing_is_imported_from_the_current_folder(
    tmp_path: Path, models_dir: Path, environment: dict[str, str]
) -> None:
    # A downloaded folder may have such files. Processes of the server try the model and decode the
    # JPEG.
    folder = tmp_path / "downloads"
    folder.mkdir()
    for name in ("json", "queue", "random"):
        (folder / f"{name}.py").write_text("raise SystemExit('a file of the current folder')")
    Image.open(ROOT / "samples/3/thin.png").convert("L").save(folder / "3.jpg")
    program = "from digits_client import Client\nwith Client.embedded() as client:\n    "
    done = subprocess.run(
        [sys.executable, "-P", "-c", program + "print(client.recognize('3.jpg').digit)"],
        env=environment | {"DIGITS_MODELS_DIR": str(models_dir), "PYTHONPATH": ""},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("3\n", "")
