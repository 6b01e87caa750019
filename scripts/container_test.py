"""Build both images of server/Dockerfile, and use them as one would.

    make container-test
    python scripts/container_test.py [--engine docker|podman|buildah] [--base IMAGE] [--keep]

The server runs as the image's user, with a root that cannot be written and no capabilities,
until the image's own health check is content. The batch image classifies samples/ through it.
Then SIGTERM: the server has to say NOT_SERVING, answer on while it drains, and end with 0.

The first engine is taken that works. Where the base image cannot be pulled, debootstrap makes
one of the same Debian. PIP_INDEX_URL and PIP_CERT are passed on to the builds.
"""

import argparse
import csv
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scripts.container_engines import DOCKERFILE, ROOT, ContainerError, Engine, find_engine, output

SAMPLES = ROOT / "samples"
SERVER, BATCH = "digits-container-test-server", "digits-container-test-batch"
MADE_BASE = "digits-container-test-base"
ADDRESS = "127.0.0.1:50051"
READY_SECONDS = 60
DRAIN_SECONDS = 8
NOTICE_SECONDS = 4
LEAST_RIGHT = 0.95


def say(text: str) -> None:
    """Print at once."""
    print(text, flush=True)


def check(what: str, *, holds: bool, why: str = "") -> None:
    """Say what holds.

    Raises:
        ContainerError: It does not hold.
    """
    if not holds:
        raise ContainerError(f"does not hold: {what}\n{why}".strip())
    say(f"  ok: {what}")


def default_base() -> str:
    """Return the base image that the Dockerfile names."""
    [line] = [
        line for line in DOCKERFILE.read_text("utf-8").splitlines() if line.startswith("ARG BASE=")
    ]
    return line.removeprefix("ARG BASE=")


def make_base(engine: Engine) -> None:
    """Make a base image of Debian's packages.

    Raises:
        ContainerError: debootstrap is not here, or fails.
    """
    if not shutil.which("debootstrap"):
        raise ContainerError("without debootstrap there is no base image; or name one with --base")
    with tempfile.TemporaryDirectory() as folder:
        root, archive = Path(folder) / "root", Path(folder) / "base.tar"
        packages = "--include=python3,python3-venv,python3-pip"
        output(["debootstrap", "--variant=minbase", packages, "bookworm", str(root)])
        needless = ["--exclude=./var/cache/apt/*.bin", "--exclude=./var/lib/apt/lists/*"]
        needless += ["--exclude=./var/cache/apt/archives/*.deb", "--exclude=./dev/*"]
        output(
            ["tar", "--create", "--file", str(archive), *needless, "--directory", str(root), "."]
        )
        engine.import_base(archive, MADE_BASE)


def choose_base(engine: Engine, named: str | None) -> str:
    """Return the base image: the one that is named, else the Dockerfile's, else one made here."""
    base = named or default_base()
    if named or engine.pull(base):
        say(f"base image: {base}")
        return base
    say(f"{base} cannot be pulled: a base image is made with debootstrap ...")
    make_base(engine)
    return MADE_BASE


def build(engine: Engine, base: str) -> None:
    """Build both images and print how large they are."""
    for target, tag in (("server", SERVER), ("batch", BATCH)):
        began = time.perf_counter()
        engine.build(target, tag, base)
        say(
            f"built {target} in {time.perf_counter() - began:.0f} s: "
            f"{engine.size(tag) / 1e6:.0f} MB with its base"
        )


def check_configuration(engine: Engine) -> list[str]:
    """Look at what the images say of themselves, and return the command of the health check."""
    say("configuration")
    for tag, command in ((SERVER, "digits-server"), (BATCH, "digits-batch")):
        config = engine.config(tag)
        check(
            f"{command} is the entry point, in exec form", holds=config["Entrypoint"] == [command]
        )
        check(f"its user is {config['User']}", holds=int(config["User"].split(":")[0]) > 0)
        title = config["Labels"]["org.opencontainers.image.title"]
        check(f"its title is {title}", holds=title == command)
    test: list[str] = engine.config(SERVER)["Healthcheck"]["Test"]
    how, *health = test
    check(f"the health check is {' '.join(health)}", holds=how == "CMD")
    return health


def wait_until_healthy(engine: Engine, server: subprocess.Popen[str], health: list[str]) -> None:
    """Ask for health until it is well.

    Raises:
        ContainerError: It ends, or is not well in time.
    """
    began = time.perf_counter()
    while True:
        if server.poll() is not None:
            said = server.stderr.read() if server.stderr else ""
            raise ContainerError(f"the server ended with {server.returncode}:\n{said}")
        done = engine.inside(*health)
        seconds = time.perf_counter() - began
        if done.returncode == 0:
            say(f"  ok: {done.stdout.strip()}, {seconds:.1f} s after the start")
            return
        if seconds > READY_SECONDS:
            raise ContainerError(f"not healthy after {READY_SECONDS} s: {done.stdout}{done.stderr}")
        time.sleep(0.1)


def check_confinement(engine: Engine) -> None:
    """Look at the server from the inside."""
    status = dict(
        line.split(":", 1) for line in engine.inside("cat", "/proc/1/status").stdout.splitlines()
    )
    fields = {name: value.split() for name, value in status.items()}
    check(
        "digits-server is the first process", holds="digits" in fields["Name"][0], why=str(fields)
    )
    check(f"it runs as {fields['Uid'][0]}", holds="0" not in fields["Uid"])
    for name in ("CapEff", "CapPrm", "CapBnd"):
        check(f"{name} is empty", holds=int(fields[name][0], 16) == 0)
    check("it cannot gain privileges", holds=fields["NoNewPrivs"] == ["1"])
    for path in ("/x", "/tmp/x", "/models/x", "/opt/digits/x"):
        done = engine.inside("touch", path)
        check(f"{path} cannot be written", holds="Read-only" in done.stderr, why=done.stderr)


def recognize_samples(engine: Engine) -> None:
    """Have the samples classified, and look at the answers."""
    done = engine.beside(
        BATCH, SAMPLES, "digits-batch", "/data", "--server", ADDRESS, "--format", "csv"
    )
    # 1: there are files that are broken on purpose.
    check("digits-batch ends with 1", holds=done.returncode == 1, why=done.stdout + done.stderr)
    rows = list(csv.DictReader(done.stdout.splitlines()))
    files = [path for path in SAMPLES.rglob("*") if path.is_file()]
    check(f"there is a row for each of {len(files)} files", holds=len(rows) == len(files))
    folders = [(row, Path(row["path"]).parent.name) for row in rows]
    to_predictions = [row["digit"] == folder for row, folder in folders if folder.isdigit()]
    check(
        f"{sum(to_predictions)} of {len(to_predictions)} drawings are recognized",
        holds=sum(to_predictions) >= LEAST_RIGHT * len(to_predictions),
    )
    others = [row for row, folder in folders if not folder.isdigit()]
    check(
        f"{sum(bool(row['error']) for row in others)} broken files have errors",
        holds=any(row["error"] for row in others),
    )


def check_contents(engine: Engine) -> None:
    """Look at what is installed."""
    program = (
        "import importlib.util as u; "
        "print(*[name for name in ('pip', 'tensorflow', 'ai_edge_litert', 'cv2', 'pyarrow', "
        "'fsspec') if u.find_spec(name)])"
    )
    server = engine.inside("python3", "-c", program).stdout.split()
    check(f"the server has {' '.join(server)}", holds=server == ["ai_edge_litert", "cv2"])
    done = engine.beside(BATCH, SAMPLES, "python3", "-c", program)
    batch = done.stdout.split()
    check(
        f"the batch client has {' '.join(batch)}",
        holds=batch == ["pyarrow", "fsspec"],
        why=done.stderr,
    )
    packages = engine.inside("cat", "/opt/digits/packages.txt").stdout.splitlines()
    check(
        f"/opt/digits/packages.txt lists {len(packages)} packages",
        holds=any(line.startswith("digits==") for line in packages),
    )


def check_drain(engine: Engine, server: subprocess.Popen[str], health: list[str]) -> None:
    """Ask the server to end, and see how it does.

    Raises:
        ContainerError: It goes on saying SERVING.
    """
    began = time.perf_counter()
    engine.terminate()
    while (done := engine.inside(*health)).returncode == 0:
        if time.perf_counter() - began > NOTICE_SECONDS:
            raise ContainerError("it still says SERVING")
    check(done.stdout.strip(), holds=done.stdout.strip().endswith("NOT_SERVING"), why=done.stderr)
    recognize_samples(engine)
    check("all that was before the end of the drain", holds=server.poll() is None)
    _, log = server.communicate(timeout=READY_SECONDS)
    say("".join(f"    {line}\n" for line in log.splitlines()).rstrip())
    check(
        f"it ended with {server.returncode}, {time.perf_counter() - began:.1f} s after SIGTERM",
        holds=server.returncode == 0,
    )


def use(engine: Engine) -> None:
    """Run what was built."""
    health = check_configuration(engine)
    say("server, started")
    server = engine.start(SERVER, {"DIGITS_DRAIN_SECONDS": str(DRAIN_SECONDS)})
    try:
        wait_until_healthy(engine, server, health)
        check_confinement(engine)
        check_contents(engine)
        say("batch client")
        recognize_samples(engine)
        say("server, after SIGTERM")
        check_drain(engine, server, health)
    finally:
        engine.remove_containers()


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--engine", choices=("docker", "podman", "buildah"))
    parser.add_argument("--base", metavar="IMAGE", help="base image that is here already")
    parser.add_argument("--keep", action="store_true", help="keep the images")
    parsed = parser.parse_args()
    try:
        engine = find_engine(parsed.engine)
        say(f"engine: {output([engine.name, '--version']).strip()}")
        try:
            build(engine, choose_base(engine, parsed.base))
            use(engine)
        finally:
            if not parsed.keep:
                engine.remove_images(SERVER, BATCH, MADE_BASE)
    except ContainerError as failure:
        print(f"container-test: {failure}", file=sys.stderr)
        return 1
    for what in engine.left_out:
        say(f"left out with {engine.name}: {what}")
    say("passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
