"""The wheel, and the thin client that its base install is."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from digits_server import models
from digits_server.settings import SHIPPED_MODELS

ROOT = Path(__file__).resolve().parents[2]
# Building needs hatchling and installing the dependencies, both from an index.
PIP_OPTIONS = ("--quiet", "--disable-pip-version-check", "--retries", "0", "--timeout", "20")
NO_INDEX = ("No matching distribution found", "Could not find a version", "ConnectionError")
INSTALL_SECONDS = 600

# In the fresh environment: the client is whole, and brings nothing heavy along.
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


def pip(python: Path | str, *arguments: str | Path) -> None:
    """Run pip; skip the test where it finds no index."""
    done = subprocess.run(
        [python, "-m", "pip", *arguments[:1], *PIP_OPTIONS, *arguments[1:]],
        capture_output=True,
        text=True,
        check=False,
        timeout=INSTALL_SECONDS,
    )
    missed = [line for line in done.stderr.splitlines() if any(sign in line for sign in NO_INDEX)]
    if done.returncode and missed:
        pytest.skip(f"pip reaches no package index: {missed[-1].strip()}")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the working tree."""
    folder = tmp_path_factory.mktemp("wheel")
    pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", folder, ROOT)
    [file] = folder.iterdir()
    return file


@pytest.mark.timeout(INSTALL_SECONDS)
def test_the_wheel_holds_the_four_packages_and_their_data(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    packages = ("digits", "digits_client", "digits_server", "digits_training")
    assert names >= {f"{package}/py.typed" for package in packages}
    assert {name.split("/")[0] for name in names} == {
        *packages,
        wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info",
    }
    for package in packages:
        sources = next(ROOT.glob(f"*/{package}"))
        ours = {path.relative_to(sources.parent).as_posix() for path in sources.rglob("*.py")}
        assert ours <= names
    assert "digits/v1/recognizer.proto" in names
    assert names >= {f"digits_server/self_test_images/{digit}.png" for digit in range(10)}
    assert names >= {
        f"digits_server/shipped_models/{version}/{file}"
        for version in models.versions(SHIPPED_MODELS)
        for file in ("manifest.json", "model.tflite")
    }


@pytest.mark.timeout(INSTALL_SECONDS)
def test_the_base_install_is_a_thin_client(wheel: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    pip(python, "install", wheel)
    done = subprocess.run(
        [python, "-W", "error", "-c", TRY_THE_CLIENT],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "DeadlineError\n"), done.stderr
    alone = subprocess.run(
        [tmp_path / "venv" / "bin" / "digits-batch", "image.png"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert alone.returncode == 3  # it has nothing to start a server of its own with
    assert "digits[server]" in alone.stderr
    assert "Traceback" not in alone.stderr
