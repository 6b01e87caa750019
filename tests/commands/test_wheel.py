"""The wheel, and its base install: a thin client."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from digits_server import models
from digits_server.settings import SHIPPED_MODELS
from tests.processes import ROOT

# The build needs hatchling and the install needs the dependencies, both from a package index.
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
INDEX_OPTIONS = ("--retries", "0", "--timeout", "20")
NO_INDEX = ("No matching distribution found", "Could not find a version", "ConnectionError")
INSTALL_SECONDS = 600

# Runs in the fresh environment, where nothing heavy may be installed or imported.
TRY_THE_CLIENT = """
import importlib.util, sys
import digits_client, digits_client.batch.cli, digits_client.draw.cli, digits_client.draw.session
heavy = {"tensorflow", "keras", "ai_edge_litert", "cv2", "digits_server", "digits_training"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
for name in ("tensorflow", "ai_edge_litert", "cv2", "grpc_health"):
    assert importlib.util.find_spec(name) is None, name
with digits_client.Client("127.0.0.1:1", timeout_seconds=0) as client:
    try:
        client.model()
    except digits_client.DigitsError as error:
        print(type(error).__name__)
"""


def run_pip(*arguments: str | Path) -> None:
    """Run pip; skip the test where no package index is reachable."""
    done = subprocess.run(
        [*PIP, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=INSTALL_SECONDS,
    )
    failures = [line for line in done.stderr.splitlines() if any(sign in line for sign in NO_INDEX)]
    if done.returncode and failures:
        pytest.skip(f"pip reaches no package index: {failures[-1].strip()}")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the working tree."""
    folder = tmp_path_factory.mktemp("wheel")
    run_pip("wheel", *INDEX_OPTIONS, "--no-deps", "--wheel-dir", folder, ROOT)
    [file] = folder.iterdir()
    return file


@pytest.mark.timeout(INSTALL_SECONDS)
def test_the_wheel_contains_the_four_packages_and_their_data(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    packages = ("digits", "digits_client", "digits_server", "digits_training")
    assert names >= {f"{package}/py.typed" for package in packages}
    assert {name.split("/")[0] for name in names} == {
        *packages,
        wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info",
    }
    for package in packages:
        sources = next(ROOT.glob(f"*/{package}"))
        modules = {path.relative_to(sources.parent).as_posix() for path in sources.rglob("*.py")}
        assert modules <= names
    assert "digits/v1/recognizer.proto" in names
    for folder in ("page", "openapi.json"):
        assert any(name.startswith(f"digits_client/web/{folder}") for name in names)
    assert names >= {f"digits_server/self_test_images/{digit}.png" for digit in range(10)}
    assert names >= {
        f"digits_server/shipped_models/{version}/{file}"
        for version in models.versions(SHIPPED_MODELS)
        for file in ("manifest.json", *models.MODEL_FILES.values())
    }


@pytest.mark.timeout(INSTALL_SECONDS)
def test_the_base_install_is_a_thin_client(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    python = venv / "bin" / "python"
    run_pip("--python", python, "install", *INDEX_OPTIONS, "--no-compile", wheel)
    done = subprocess.run(
        [python, "-W", "error", "-c", TRY_THE_CLIENT],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "DeadlineError\n"), done.stderr
    batch = subprocess.run(
        [venv / "bin" / "digits-batch", wheel],
        capture_output=True,
        text=True,
        check=False,
    )
    assert batch.returncode == 3  # no server is installed that it could start
    assert "digits[server]" in batch.stderr
    assert "Traceback" not in batch.stderr
