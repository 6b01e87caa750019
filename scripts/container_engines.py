"""The programs that build images and run containers, for container_test.py.

Docker and Podman do both. buildah builds anywhere, also where no container can be started by
it; what it built is run in namespaces made by unshare, as root.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = ROOT / "server" / "Dockerfile"
CONTAINER = "digits-container-test"
# What pip may need to be told where an index of one's own is used.
PIP_VARIABLES = ("PIP_INDEX_URL", "PIP_CERT")
PULL_SECONDS = 120

Command = Sequence[str]
Done = subprocess.CompletedProcess[str]


class ContainerError(Exception):
    """Something is not as it has to be; the message says what."""


def run(command: Command, timeout: float | None = None) -> Done:
    """Run a command to its end and keep what it prints."""
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


def output(command: Command) -> str:
    """Return what a command prints.

    Raises:
        ContainerError: It failed; the message has the end of what it said.
    """
    done = run(command)
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
        raise ContainerError(f"{shlex.join(command)} ended with {done.returncode}:\n{said}")
    return done.stdout


class Engine(ABC):
    """Builds images and runs them. One container is started at a time, others join its network."""

    left_out: tuple[str, ...] = ()

    def __init__(self, name: str) -> None:
        """Take the program of that name."""
        self.name = name

    def pull(self, image: str) -> bool:
        """Fetch an image, and say whether that could be done."""
        try:
            return run([self.name, "pull", image], PULL_SECONDS).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def build(self, target: str, tag: str, base: str) -> None:
        """Build a target of the Dockerfile."""
        command = [self.name, "build", "--file", str(DOCKERFILE), "--target", target]
        command += ["--tag", tag, "--build-arg", f"BASE={base}", "--network=host"]
        output([*command, *self.build_options(), str(ROOT)])

    def remove_images(self, *tags: str) -> None:
        """Remove images, those that are there."""
        for tag in tags:
            run([self.name, "rmi", tag])

    @abstractmethod
    def import_base(self, archive: Path, tag: str) -> None:
        """Make an image of a tar file."""

    @abstractmethod
    def build_options(self) -> list[str]:
        """Return what building needs beside what it always does."""

    @abstractmethod
    def config(self, tag: str) -> dict[str, Any]:
        """Return an image's configuration, as Docker names its parts."""

    @abstractmethod
    def size(self, tag: str) -> int:
        """Return the bytes of an image's files."""

    @abstractmethod
    def start(self, tag: str, environment: dict[str, str]) -> subprocess.Popen[str]:
        """Start the container. The process ends with it and has its exit status."""

    @abstractmethod
    def inside(self, *command: str) -> Done:
        """Run a command in the container that was started."""

    @abstractmethod
    def beside(self, tag: str, data: Path, *command: str) -> Done:
        """Run a command in another image, with a folder as /data, in the same network."""

    @abstractmethod
    def terminate(self) -> None:
        """Send SIGTERM to the first process of the container that was started."""

    @abstractmethod
    def remove_containers(self) -> None:
        """Remove what is left of containers."""


class DaemonEngine(Engine):
    """Docker or Podman: its containers are the real thing."""

    limits = (
        *("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"),
        *("--memory=1g", "--pids-limit=256"),
    )

    def import_base(self, archive: Path, tag: str) -> None:
        """Make an image of a tar file."""
        output([self.name, "import", str(archive), tag])

    def build_options(self) -> list[str]:
        """Return the index of packages, and Podman's way to keep the health check."""
        index = os.environ.get("PIP_INDEX_URL")
        options = ["--build-arg", f"PIP_INDEX_URL={index}"] if index else []
        return [*options, "--format=docker"] if self.name == "podman" else options

    def config(self, tag: str) -> dict[str, Any]:
        """Return an image's configuration, as Docker names its parts."""
        [image] = json.loads(output([self.name, "image", "inspect", tag]))
        config: dict[str, Any] = image["Config"]
        config.setdefault("Healthcheck", image.get("HealthCheck"))  # where Podman has it
        return config

    def size(self, tag: str) -> int:
        """Return the bytes of an image's files."""
        return int(output([self.name, "image", "inspect", "--format={{.Size}}", tag]))

    def start(self, tag: str, environment: dict[str, str]) -> subprocess.Popen[str]:
        """Start the container. The process ends with it and has its exit status."""
        command = [self.name, "run", "--rm", f"--name={CONTAINER}", *self.limits]
        command += [f"--env={name}={value}" for name, value in environment.items()]
        return subprocess.Popen([*command, tag], stderr=subprocess.PIPE, text=True)

    def inside(self, *command: str) -> Done:
        """Run a command in the container that was started."""
        return run([self.name, "exec", CONTAINER, *command])

    def beside(self, tag: str, data: Path, *command: str) -> Done:
        """Run a command in another image, with a folder as /data, in the same network."""
        first, *rest = command
        options = [f"--network=container:{CONTAINER}", f"--volume={data}:/data:ro", *self.limits]
        return run([self.name, "run", "--rm", *options, f"--entrypoint={first}", tag, *rest])

    def terminate(self) -> None:
        """Send SIGTERM to the first process of the container that was started."""
        output([self.name, "kill", "--signal=TERM", CONTAINER])

    def remove_containers(self) -> None:
        """Remove the container, if it is left."""
        run([self.name, "rm", "--force", CONTAINER])


class Buildah(Engine):
    """buildah with chroot isolation, and namespaces to run what it built."""

    left_out = (
        "limits of processors, memory and processes, and the filter of system calls",
        "named volumes, published ports and restarts, which are Docker's and Podman's own",
    )
    # As the image's user, without capabilities and the means to gain them.
    as_user = (
        'setpriv --reuid="${user%:*}" --regid="${user#*:}" --clear-groups '
        "--inh-caps=-all --bounding-set=-all --no-new-privs"
    )
    # For namespaces of its own; after it: root, user, folder to work in, data or "", command.
    enter_root = f"""
        set -e
        root=$1 user=$2 workdir=$3 data=$4; shift 4
        mount --bind "$root" "$root"
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        if [ -n "$data" ]; then mount --bind "$data" "$root/data"; fi
        mount -o remount,bind,ro "$root"
        cd "$root"
        exec chroot . {as_user} env --chdir="$workdir" "$@"
    """
    with_loopback = 'ip link set lo up && exec "$@"'

    def __init__(self, name: str) -> None:
        """Take the program of that name."""
        super().__init__(name)
        self._roots: dict[str, str] = {}  # where each container's files are
        self._started = ""
        self._process: subprocess.Popen[str] | None = None
        self._first_pid = 0

    def import_base(self, archive: Path, tag: str) -> None:
        """Make an image of a tar file."""
        container = output([self.name, "from", "scratch"]).strip()
        output([self.name, "add", "--quiet", container, str(archive), "/"])
        output([self.name, "commit", "--quiet", "--rm", container, tag])

    def build_options(self) -> list[str]:
        """Return what makes it build without a runtime, and with a health check."""
        options = ["--isolation=chroot", "--pull-never", "--format=docker"]
        for variable in PIP_VARIABLES:
            if value := os.environ.get(variable):
                options += ["--build-arg", f"{variable}={value}"]
        if certificates := os.environ.get("PIP_CERT"):
            folder = Path(certificates).parent
            options += [f"--volume={folder}:{folder}:ro"]
        return options

    def config(self, tag: str) -> dict[str, Any]:
        """Return an image's configuration, as Docker names its parts."""
        image = json.loads(output([self.name, "inspect", "--type=image", tag]))
        config: dict[str, Any] = image["Docker"]["config"]
        return config

    def size(self, tag: str) -> int:
        """Return the bytes of an image's files."""
        [image] = json.loads(output([self.name, "images", "--json", tag]))
        number, unit = image["size"].split()  # as "546 MB"
        return int(float(number) * {"KB": 10**3, "MB": 10**6, "GB": 10**9}[unit])

    def start(self, tag: str, environment: dict[str, str]) -> subprocess.Popen[str]:
        """Start the container. The process ends with it and has its exit status."""
        self._started = tag
        variables = [f"{name}={value}" for name, value in environment.items()]
        command = self._in_root(tag, "", [*variables, *self.config(tag)["Entrypoint"]])
        spaces = ["--mount", "--pid", "--net", "--ipc", "--uts", "--fork"]
        self._process = process = subprocess.Popen(
            ["unshare", *spaces, "sh", "-c", self.with_loopback, "net", *command],
            stderr=subprocess.PIPE,
            text=True,
        )
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while not (pids := children.read_text().split()):
            if process.poll() is not None:
                raise ContainerError("unshare makes no namespaces here")
            time.sleep(0.01)
        self._first_pid = int(pids[0])
        return process

    def inside(self, *command: str) -> Done:
        """Run a command in the container that was started."""
        config = self.config(self._started)
        enter = ["nsenter", f"--target={self._first_pid}", "--mount", "--pid", "--net", "--root"]
        program = f'user=$1; shift; exec {self.as_user} "$@"'
        variables = ["env", "--ignore-environment", *config["Env"]]
        return run([*enter, *variables, "sh", "-c", program, "enter", config["User"], *command])

    def beside(self, tag: str, data: Path, *command: str) -> Done:
        """Run a command in another image, with a folder as /data, in the same network."""
        enter = ["nsenter", f"--target={self._first_pid}", "--net"]
        spaces = ["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork"]
        return run([*enter, *spaces, *self._in_root(tag, str(data), command)])

    def _in_root(self, tag: str, data: str, command: Command) -> list[str]:
        """Return what runs a command in an image, when it is run in namespaces of its own."""
        if tag not in self._roots:
            container = output([self.name, "from", "--pull-never", "--name", tag, tag]).strip()
            self._roots[tag] = output([self.name, "mount", container]).strip()
        config = self.config(tag)
        place = [self._roots[tag], config["User"], config.get("WorkingDir") or "/", data]
        variables = ["env", "--ignore-environment", *config["Env"]]
        return ["sh", "-c", self.enter_root, "enter", *place, *variables, *command]

    def terminate(self) -> None:
        """Send SIGTERM to the first process of the container that was started."""
        os.kill(self._first_pid, signal.SIGTERM)

    def remove_containers(self) -> None:
        """End what is left of them, and remove the folders that images were run in."""
        if self._process is not None and self._process.poll() is None:
            os.kill(self._first_pid, signal.SIGKILL)
            self._process.wait()
        for container in self._roots:
            run([self.name, "rm", container])
        self._roots.clear()


def find_engine(wanted: str | None) -> Engine:
    """Return the first engine that works, or the one that is asked for if it does.

    Raises:
        ContainerError: There is none.
    """
    for name in ("docker", "podman"):
        if wanted in (None, name) and shutil.which(name) and run([name, "info"]).returncode == 0:
            return DaemonEngine(name)
    if wanted in (None, "buildah") and shutil.which("buildah") and os.geteuid() == 0:
        return Buildah("buildah")
    raise ContainerError(
        f"{wanted or 'none of docker, podman and buildah'} works here; "
        "as root on Debian: apt-get install buildah debootstrap"
    )
