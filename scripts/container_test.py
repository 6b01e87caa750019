"""Build the images of server/Dockerfile and use them as a user would.

    python -m scripts.container_test [--engine NAME] [--keep] [-- BUILD OPTIONS]

The server runs as the image's user, on a read-only root and without capabilities, until its
health check passes. The batch image classifies samples/ through it. The web image, confined alike,
serves its page and recognizes a digit over HTTP, and ends after SIGTERM. After SIGTERM the server
must report NOT_SERVING, serve the samples once more while it drains, and exit with status 0.

The engine is docker, podman or buildah; by default the first one that works. buildah, as root,
works where no container can be started: it builds with chroot isolation, and the images run in a
mount namespace. It does not pull; docs/containers.md shows how to make a base image.
"""

import argparse
import base64
import csv
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "samples"
SERVER, BATCH, WEB = (f"digits-container-test-{target}" for target in ("server", "batch", "web"))
HEALTH_CHECK = ("digits-server", "healthcheck", "127.0.0.1:9090")
BATCH_ARGUMENTS = ("/data", "--server", "127.0.0.1:50051", "--format", "csv")
DRAIN = "DIGITS_DRAIN_SECONDS=8"
WEB_HEALTH_CHECK = ("python3", "-m", "digits_client.web.healthcheck")
UPSTREAM = "DIGITS_SERVER=127.0.0.1:50051"
# Runs in the web image: requests a path, with an image in base64 if there is one, prints the body.
REQUEST = """
import base64, sys, urllib.request
content = base64.b64decode(sys.argv[2]) or None
with urllib.request.urlopen("http://127.0.0.1:8080" + sys.argv[1], content, 30) as response:
    print(response.read().decode())
"""
TIMEOUT_SECONDS = 60


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and capture its output."""
    return subprocess.run(command, capture_output=True, text=True, check=False)


def output(*command: str) -> str:
    """Return the output of a command, or exit with the end of it if the command fails."""
    done = run(*command)
    if done.returncode:
        sys.exit(f"{command} failed:\n{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout.strip()


def check(claim: str, *, holds: bool, details: str = "") -> None:
    """Print a claim that holds, or exit."""
    if not holds:
        sys.exit(f"does not hold: {claim}\n{details}".strip())
    print(f"ok: {claim}", flush=True)


class Engine:
    """Docker or Podman."""

    build: tuple[str, ...] = ("build",)
    remove: tuple[str, ...] = ("rm", "--force")
    confinement = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")

    def __init__(self, name: str) -> None:
        self.name = name

    def server(self) -> list[str]:
        """Return the command that runs the server; it passes SIGTERM on."""
        options = (*self.confinement, f"--name={SERVER}", f"--env={DRAIN}")
        return [self.name, "run", "--rm", *options, SERVER]

    def web(self) -> list[str]:
        """Return the command that runs digits-web in the server's network."""
        options = (f"--network=container:{SERVER}", f"--name={WEB}", f"--env={UPSTREAM}")
        return [self.name, "run", "--rm", *self.confinement, *options, WEB]

    def inside(self, image: str, *command: str) -> list[str]:
        """Return the command that runs another one in the running container of an image."""
        return [self.name, "exec", image, *command]

    def batch(self) -> list[str]:
        """Return the command that runs digits-batch on the samples, in the server's network."""
        options = (f"--network=container:{SERVER}", f"--volume={SAMPLES}:/data:ro")
        return [self.name, "run", "--rm", *self.confinement, *options, BATCH, *BATCH_ARGUMENTS]


class Buildah(Engine):
    """buildah with chroot isolation; what it built runs in a mount namespace."""

    build = ("bud", "--isolation=chroot", "--pull-never")
    remove = ("rm",)
    # Arguments: the root, the user, a folder for /data or "", then variables and the command.
    script = """
        set -e; root=$1 user=$2 data=$3; shift 3
        mount --bind "$root" "$root"
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        if [ -n "$data" ]; then mount --bind "$data" "$root/data"; fi
        mount -o remount,bind,ro "$root"
        exec chroot "$root" setpriv --reuid="${user%:*}" --regid="${user#*:}" --clear-groups \
            --inh-caps=-all --bounding-set=-all --no-new-privs env --ignore-environment "$@"
    """

    def server(self) -> list[str]:
        """Return the command that becomes the server."""
        return self._in_image(SERVER, "", DRAIN, "digits-server")

    def web(self) -> list[str]:
        """Return the command that becomes digits-web."""
        return self._in_image(WEB, "", UPSTREAM, "digits-web", "--no-open")

    def inside(self, image: str, *command: str) -> list[str]:
        """Return the command that runs another one in an image, confined alike."""
        return self._in_image(image, "", *command)

    def batch(self) -> list[str]:
        """Return the command that runs digits-batch on the samples."""
        return self._in_image(BATCH, str(SAMPLES), "digits-batch", *BATCH_ARGUMENTS)

    def _in_image(self, image: str, data: str, *command: str) -> list[str]:
        run(self.name, "from", "--pull-never", f"--name={image}", image)  # unless it exists
        config = json.loads(output(self.name, "inspect", "--type=image", image))["Docker"]["config"]
        arguments = (output(self.name, "mount", image), config["User"], data, *config["Env"])
        return ["unshare", "--mount", "sh", "-c", self.script, "sh", *arguments, *command]


def find_engine(wanted: str | None) -> Engine:
    """Return the wanted engine, or the first one that works."""
    for name in ("docker", "podman"):
        if wanted in (None, name) and shutil.which(name) and run(name, "info").returncode == 0:
            return Engine(name)
    if wanted in (None, "buildah") and shutil.which("buildah") and os.geteuid() == 0:
        return Buildah("buildah")
    sys.exit(f"{wanted or 'docker, podman or buildah'} does not work here")


def wait_for_health(engine: Engine, process: "subprocess.Popen[str]", status: str) -> None:
    """Wait until the health check reports a status."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while (done := run(*engine.inside(SERVER, *HEALTH_CHECK))).stdout.split()[-1:] != [status]:
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"health never reported {status}: {done.stdout}{done.stderr}")
        time.sleep(0.1)
    check(f"health reports {status}", holds=(done.returncode == 0) == (status == "SERVING"))


def check_confinement(engine: Engine, image: str, *paths: str) -> None:
    """Check the user, the capabilities and the root of an image's container."""
    lines = output(*engine.inside(image, "cat", "/proc/self/status")).splitlines()
    status = dict(line.split(":\t", 1) for line in lines)
    check(f"its user is {status['Uid'].split()[0]}", holds="0" not in status["Uid"].split())
    check("it has no capabilities", holds=int(status["CapEff"] + status["CapBnd"], 16) == 0)
    check("it cannot gain privileges", holds=status["NoNewPrivs"] == "1")
    for path in ("/tmp/x", "/opt/digits/x", *paths):
        done = run(*engine.inside(image, "touch", path))
        check(f"{path} is read-only", holds="Read-only" in done.stderr, details=done.stderr)


def check_documents(engine: Engine, image: str) -> None:
    """Check that the SBOMs and license texts of an image cover its packages."""
    packages = output(*engine.inside(image, "cat", "/opt/digits/packages.txt")).splitlines()
    documents = "/usr/share/doc/digits"
    sboms = {
        name: json.loads(output(*engine.inside(image, "cat", f"{documents}/sbom-{name}.cdx.json")))
        for name in ("python", "debian")
    }
    root = sboms["python"]["metadata"]["component"]
    listed = {(one["name"], one["version"]) for one in (root, *sboms["python"]["components"])}
    installed = {tuple(line.split("==")) for line in packages}
    check(f"the SBOM lists all {len(installed)} packages", holds=listed == installed)
    names = ("dpkg-query", "--show", "--showformat", "${Package}\\n")
    debian = set(output(*engine.inside(image, *names)).splitlines())
    components = {one["name"] for one in sboms["debian"]["components"]}
    check(f"and {len(debian)} of Debian", holds=components >= debian)
    texts = output(*engine.inside(image, "ls", f"{documents}/licenses")).splitlines()
    check("each package has its license text", holds=len(texts) == len(installed))


def check_samples(engine: Engine) -> None:
    """Classify the samples with the batch image, and check its rows."""
    done = run(*engine.batch())
    check("digits-batch exits with 1", holds=done.returncode == 1, details=done.stderr)
    rows = [(row, Path(row["path"]).parent.name) for row in csv.DictReader(done.stdout.split("\n"))]
    files = [path for path in SAMPLES.rglob("*") if path.is_file()]
    check(f"it writes a row for each of {len(files)} files", holds=len(rows) == len(files))
    right = [row["digit"] == folder for row, folder in rows if folder in "0123456789"]
    claim = f"{sum(right)} of {len(right)} drawings are recognized"
    check(claim, holds=sum(right) >= 0.95 * len(right))


def check_web(engine: Engine) -> None:
    """Run the web image, and check its page, a digit over HTTP, and its end."""

    def request(path: str, content: bytes = b"") -> str:
        argument = base64.b64encode(content).decode()
        return output(*engine.inside(WEB, "python3", "-c", REQUEST, path, argument))

    with subprocess.Popen(engine.web(), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            check("digits-web prints its URL", holds=ready == "http://127.0.0.1:8080/\n")
            healthy = run(*engine.inside(WEB, *WEB_HEALTH_CHECK))
            check("its health check passes", holds=healthy.returncode == 0, details=healthy.stderr)
            check_confinement(engine, WEB)
            check_documents(engine, WEB)
            check("it serves its page", holds="<html" in request("/"))
            response = json.loads(request("/v1/recognize", (SAMPLES / "7/thin.png").read_bytes()))
            check("it recognizes a digit", holds=response["predictions"][0]["digit"] == 7)
            process.terminate()
            process.communicate(timeout=TIMEOUT_SECONDS)
            check("it exits with status 0", holds=process.returncode == 0)
        finally:
            process.kill()


def use_images(engine: Engine, build_options: list[str]) -> None:
    """Build the images, and use them."""
    options = ["--network=host", f"--file={ROOT / 'server' / 'Dockerfile'}", *build_options]
    options += ["--format=docker"] if engine.name != "docker" else []  # keeps the health check
    for target, tag in (("server", SERVER), ("batch", BATCH), ("web", WEB)):
        command = (*engine.build, *options, f"--target={target}", f"--tag={tag}", str(ROOT))
        done = run(engine.name, *command)
        check(f"the {target} image builds", holds=done.returncode == 0, details=done.stderr[-3000:])
    with subprocess.Popen(engine.server(), stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_for_health(engine, process, "SERVING")
            check_confinement(engine, SERVER, "/models/x")
            check_documents(engine, SERVER)
            check_samples(engine)
            check_web(engine)
            process.terminate()
            wait_for_health(engine, process, "NOT_SERVING")
            check_samples(engine)
            check("it serves while it drains", holds=process.poll() is None)
            log = process.communicate(timeout=TIMEOUT_SECONDS)[1]
            check("it exits with status 0", holds=process.returncode == 0, details=log)
        finally:
            process.kill()
            run(engine.name, *engine.remove, SERVER, BATCH, WEB)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--engine", choices=("docker", "podman", "buildah"))
    parser.add_argument("--keep", action="store_true", help="keep the images")
    parser.add_argument("build_options", nargs="*", help="options for the build, after --")
    parsed = parser.parse_args()
    engine = find_engine(parsed.engine)
    try:
        use_images(engine, parsed.build_options)
    finally:
        if not parsed.keep:
            run(engine.name, "rmi", SERVER, BATCH, WEB)
    print(f"passed with {engine.name}")


if __name__ == "__main__":
    main()
