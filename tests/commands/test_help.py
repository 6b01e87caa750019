"""``--help`` and ``--version`` of every command."""

import importlib.metadata
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.processes import Run

MODULES = {
    "digits-server": "digits_server",
    "digits-batch": "digits_client.batch.cli",
    "digits-draw": "digits_client.draw.cli",
    "digits-bench": "digits_client.bench.cli",
    "digits-train": "digits_training.cli",
    "digits-web": "digits_client.web.cli",
}
COMMANDS = [
    "digits-server",
    "digits-server healthcheck",
    "digits-batch",
    "digits-draw",
    "digits-bench",
    "digits-train",
    "digits-train fit",
    "digits-train calibrate",
    "digits-train evaluate",
    "digits-train export",
    "digits-web",
]
HEAVY = {"tensorflow", "keras", "ai_edge_litert", "cv2"}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_prints_and_exits_0_without_importing_heavy_packages(
    command: str, environment: dict[str, str]
) -> None:
    name, *arguments = command.split()
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", MODULES[name], *arguments, "--help"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"usage: {command} ")
    imported = set(re.findall(r"^import time:.*\| +(\w+)$", done.stderr, re.MULTILINE))
    assert "argparse" in imported
    assert not imported & HEAVY


@pytest.mark.parametrize("command", ["digits-server", "digits-batch"])
def test_version_prints_the_version_of_the_distribution(command: str, run: "Run") -> None:
    done = run(MODULES[command], "--version")
    assert (done.returncode, done.stdout) == (
        0,
        f"{command} {importlib.metadata.version('digits')}\n",
    )


def test_the_installed_scripts_run_the_modules_tested_here() -> None:
    scripts = importlib.metadata.entry_points(group="console_scripts")
    installed = {
        script.name: script.module
        for script in scripts
        if script.dist and script.dist.name == "digits"
    }
    assert installed.keys() >= MODULES.keys()
    for name, module in MODULES.items():
        assert installed[name] in (module, f"{module}.cli")
