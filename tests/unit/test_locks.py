"""The locks agree with pyproject.toml and each other, and everything is installed from them."""

import importlib.metadata
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from scripts import demo

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ROOT / "locks"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
EXTRAS: dict[str, list[str]] = {
    "base": [],
    **PYPROJECT["project"]["optional-dependencies"],
}
GROUPS: dict[str, list[str]] = PYPROJECT["dependency-groups"]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = (
    ("linux", "Linux", "x86_64"),
    ("linux", "Linux", "aarch64"),
    ("darwin", "Darwin", "arm64"),
    ("win32", "Windows", "AMD64"),
)
ENVIRONMENTS = [
    {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "sys_platform": sys_platform,
        "platform_system": system,
        "platform_machine": machine,
    }
    for python in PYTHONS
    for sys_platform, system, machine in SYSTEMS
]
# Extras whose packages are in an image, with server/Dockerfile's arguments of docs/containers.md.
IMAGE_EXTRAS = ("server", "otel", "parquet", "remote")


class Pin(NamedTuple):
    """One package of a lock."""

    version: str
    marker: Marker | None
    hashes: list[str]

    def applies(self, environment: dict[str, str]) -> bool:
        return self.marker is None or self.marker.evaluate(environment)


def read(name: str) -> dict[NormalizedName, list[Pin]]:
    """Return the pins of a lock, by package."""
    text = (LOCKS / f"{name}.txt").read_text("utf-8").replace("\\\n", " ")
    pins = defaultdict(list)
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        words, _, hashes = line.partition(" --hash=")
        requirement = Requirement(words)
        [specifier] = requirement.specifier
        assert specifier.operator == "=="
        pins[canonicalize_name(requirement.name)].append(
            Pin(specifier.version, requirement.marker, hashes.split(" --hash="))
        )
    return pins


def version(pins: list[Pin], environment: dict[str, str]) -> str | None:
    """Return the version that an environment gets, or None if it gets none."""
    versions = [pin.version for pin in pins if pin.applies(environment)]
    assert len(versions) <= 1
    return versions[0] if versions else None


def requirements(lines: Iterable[str]) -> Iterator[Requirement]:
    """Yield requirements, those of the project's own extras included."""
    for requirement in map(Requirement, lines):
        if requirement.name == PYPROJECT["project"]["name"]:
            for extra in requirement.extras:
                yield from requirements(EXTRAS[extra])
        else:
            yield requirement


def declared() -> dict[str, list[Requirement]]:
    """Return what each lock has to provide, by the name of the lock."""
    base = PYPROJECT["project"]["dependencies"]
    extras = {name: list(requirements([*base, *lines])) for name, lines in EXTRAS.items()}
    return extras | {name: list(requirements(lines)) for name, lines in GROUPS.items()}


def test_each_extra_and_each_group_has_a_lock() -> None:
    assert not EXTRAS.keys() & GROUPS.keys()
    assert {path.name for path in LOCKS.iterdir()} == {f"{name}.txt" for name in declared()}


@pytest.mark.parametrize("name", declared())
def test_a_lock_provides_what_pyproject_declares_on_every_supported_python(name: str) -> None:
    pins = read(name)
    for environment in ENVIRONMENTS:
        for requirement in declared()[name]:
            if requirement.marker is not None and not requirement.marker.evaluate(environment):
                continue
            locked = version(pins[canonicalize_name(requirement.name)], environment)
            assert locked is not None, f"run `make lock`: {requirement} is missing"
            assert requirement.specifier.contains(locked), f"run `make lock`: {requirement}"


@pytest.mark.parametrize("name", declared())
def test_a_lock_has_hashes_and_names_no_host(name: str) -> None:
    for pins in read(name).values():
        for pin in pins:
            assert pin.hashes
            assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one.strip()) for one in pin.hashes)
    text = (LOCKS / f"{name}.txt").read_text("utf-8")
    assert "://" not in text
    # The only options are hashes.
    assert set(re.findall(r"--[\w-]+", text)) == {"--hash"}


def test_locks_that_are_installed_together_agree() -> None:
    for environment in ENVIRONMENTS:
        versions = defaultdict(set)
        for name in (*EXTRAS, "build"):
            for package, pins in read(name).items():
                versions[package].add(version(pins, environment))
        conflicts = {key: found for key, found in versions.items() if len(found - {None}) > 1}
        assert not conflicts


def test_the_build_group_has_the_build_requirements() -> None:
    """The packages that a build without isolation needs, and hatchling's own for ``--editable``."""
    assert {*PYPROJECT["build-system"]["requires"], "editables>=0.5"} == set(GROUPS["build"])


def test_constraints_of_the_resolver_hold() -> None:
    for line in PYPROJECT["tool"]["uv"]["constraint-dependencies"]:
        constraint = Requirement(line)
        pins = [pin for name in EXTRAS for pin in read(name)[canonicalize_name(constraint.name)]]
        assert pins
        assert all(constraint.specifier.contains(pin.version) for pin in pins)


def test_make_installs_only_what_is_locked() -> None:
    text = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", " ")
    installs = [line for line in text.splitlines() if "$(PIP_INSTALL)" in line]
    assert len(installs) == 2
    assert "--require-hashes" in installs[0]
    assert {"--no-deps", "--no-build-isolation"} <= set(installs[1].split())
    assert text.count("pip install") == 1  # in PIP_INSTALL
    locks = [
        name
        for names in re.findall(r"call locked,\$[^,]+,([\w ]+)\)", text)
        for name in names.split()
    ]
    assert set(locks) == {"build", "dev", "lock", "ray", "train", "triton"}
    # A changed lock updates the environment.
    assert all(f"locks/{name}.txt" in text for name in set(locks))


def test_the_demo_installs_only_what_is_locked() -> None:
    assert [lock.name for lock in demo.LOCKS] == ["build.txt", "server.txt", "web.txt"]
    source = Path(demo.__file__).read_text("utf-8")
    installs = [line for line in source.splitlines() if "_run([*pip" in line]
    assert len(installs) == 2
    assert "--require-hashes" in installs[0]
    assert "--no-deps" in installs[1]
    assert "--no-build-isolation" in installs[1]


def test_tensorflow_has_one_package_on_each_system() -> None:
    for environment in ENVIRONMENTS:
        names = {
            package
            for package in ("tensorflow", "tensorflow-cpu")
            if version(read("train")[canonicalize_name(package)], environment)
        }
        has_cpu_wheel = environment["platform_machine"] in ("x86_64", "AMD64")
        assert names == {"tensorflow-cpu" if has_cpu_wheel else "tensorflow"}


def test_workflows_use_actions_by_their_commit() -> None:
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    uses = [
        line.split("uses: ")[1]
        for path in workflows
        for line in path.read_text("utf-8").splitlines()
        if "uses: " in line
    ]
    assert uses
    # The commit, and its version as a comment.
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one) for one in uses)


def declared_licenses(package: importlib.metadata.Distribution) -> set[str]:
    """Return a package's licenses as pip-licenses reads them."""
    metadata = package.metadata
    if expressions := metadata.get_all("License-Expression"):
        return set(expressions)
    classifiers = [line for line in metadata.get_all("Classifier", []) if line[:7] == "License"]
    names = {line.rpartition(" :: ")[2] for line in classifiers} - {"OSI Approved"}
    return names or set(metadata.get_all("License", ["UNKNOWN"]))


def test_licenses_of_packages_in_the_images_are_accepted() -> None:
    accepted = {
        name.strip().lower() for name in PYPROJECT["tool"]["pip-licenses"]["allow-only"].split(";")
    }
    packages = {package for extra in IMAGE_EXTRAS for package in read(extra)}
    checked = 0
    for package in packages:
        try:
            distribution = importlib.metadata.distribution(package)
        except importlib.metadata.PackageNotFoundError:
            continue  # not for this Python or platform
        checked += 1
        licenses = declared_licenses(distribution)
        assert {one.lower() for one in licenses} & accepted, f"{package}: {licenses}"
    assert checked > 20
