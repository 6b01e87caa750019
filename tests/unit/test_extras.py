"""A command whose extra is not installed names it, before it does anything."""

import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from digits import extras
from digits.extras import MissingExtraError, require

ROOT = Path(__file__).resolve().parents[2]
FOR_DEVELOPERS = {"dev"}
# Runs a command in a process that finds neither of some modules.
WITHOUT = """
import sys
sys.modules.update(dict.fromkeys({modules!r}))
from {package}.cli import main
sys.exit(main({arguments!r}))
"""


def packages(extra: str) -> set[str]:
    """Return the names of the packages that an extra installs on this system."""
    optional = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    requirements = [Requirement(text) for text in optional[extra]]
    requirements = [one for one in requirements if one.marker is None or one.marker.evaluate()]
    return {one.name for one in requirements if one.name != "digits"}.union(
        *(packages(inner) for one in requirements if one.name == "digits" for inner in one.extras)
    )


def has_module(package: str, modules: tuple[str, ...]) -> bool:
    """Return whether an installed package has one of the modules, or is not installed."""
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        return True
    paths = tuple(f"{module.replace('.', '/')}/" for module in modules)
    return any(file.as_posix().startswith(paths) for file in files)


def test_each_extra_for_users_is_known() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    optional = tomllib.loads(text)["project"]["optional-dependencies"]
    assert extras.MODULES.keys() == optional.keys() - FOR_DEVELOPERS


@pytest.mark.parametrize("extra", extras.MODULES)
def test_an_extra_has_a_module_of_each_of_its_packages(extra: str) -> None:
    modules = extras.MODULES[extra]
    assert len(packages(extra)) == len(modules)
    assert not [name for name in packages(extra) if not has_module(name, modules)]


def test_an_installed_extra_is_no_error_and_a_missing_one_names_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require("server")
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(
        MissingExtraError, match=r"^cv2 is not installed: pip install 'digits\[server\]'$"
    ):
        require("server")


def run_without(
    *modules: str, arguments: tuple[str, ...], package: str = "digits_server"
) -> "subprocess.CompletedProcess[str]":
    program = WITHOUT.format(modules=modules, arguments=list(arguments), package=package)
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=100
    )


@pytest.mark.parametrize("arguments", [(), ("--workers", "2"), ("healthcheck",)])
@pytest.mark.parametrize("module", extras.MODULES["server"])
def test_a_server_without_its_extra_exits_2_with_one_line(
    module: str, arguments: tuple[str, ...]
) -> None:
    done = run_without(module, arguments=arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"digits-server: {module} is not installed: pip install 'digits[server]'\n"
    )


@pytest.mark.parametrize(
    "arguments", [("fit",), ("calibrate", "."), ("evaluate", "shipped"), ("export", "shipped")]
)
@pytest.mark.parametrize("module", ["cv2", "tensorflow"])
def test_the_training_without_its_extra_exits_2_with_one_line(
    module: str, arguments: tuple[str, ...]
) -> None:
    done = run_without(module, arguments=arguments, package="digits_training")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"digits-train: {module} is not installed: pip install 'digits[train]'\n"
    )


@pytest.mark.parametrize("module", ["opentelemetry", "opentelemetry.sdk"])
def test_a_missing_opentelemetry_is_found_before_a_model_is_loaded(module: str) -> None:
    flags = ("--telemetry", "otlp", "--models-dir", "nowhere")
    done = run_without(module, arguments=flags)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("digits-server: opentelemetry.")
    assert done.stderr.endswith(" is not installed: pip install 'digits[otel]'\n")
    assert done.stderr.count("\n") == 1


def test_the_help_needs_no_extra() -> None:
    assert run_without(*extras.MODULES["server"], arguments=("--help",)).returncode == 0
