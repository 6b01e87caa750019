"""Import rules, checked in the sources and in fresh processes."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "digits": ROOT / "protos" / "digits",
    "digits_client": ROOT / "clients" / "digits_client",
    "digits_server": ROOT / "server" / "digits_server",
    "digits_training": ROOT / "training" / "digits_training",
}
# A package may import itself, these packages, and these single modules.
MAY_IMPORT = {
    "digits": set[str](),
    "digits_client": {"digits"},
    "digits_server": {"digits"},
    "digits_training": {
        "digits",
        "digits_server",
        "digits_client.draw.strokes",
        "digits_client.draw.corrections",
        "digits_client.edit_distance",
        "digits_client.look",
        "digits_client.percent",
        "digits_client.report",
    },
}
TENSORFLOW = {"tensorflow", "keras"}
RUNTIMES = {"ai_edge_litert", "cv2"}
# Together they take as long to import as all that a run of digits-batch needs.
SLOW = {"numpy", "PIL", "tqdm", "shtab"}


def imported(package: str) -> set[tuple[str, str]]:
    """Return each absolute import of a package: the file it is in, and the module's name."""
    found = set()
    for file in PACKAGES[package].rglob("*.py"):
        name = str(file.relative_to(ROOT))
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {(name, alias.name) for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                found.add((name, node.module))
    return found


def module_imports(package: str) -> dict[str, set[str]]:
    """Return which modules of a package each of its modules imports, also within functions."""
    folder = PACKAGES[package]
    names = {
        ".".join(file.relative_to(folder.parent).with_suffix("").parts).removesuffix(".__init__"): (
            file
        )
        for file in folder.rglob("*.py")
    }
    imports: dict[str, set[str]] = {}
    for name, file in names.items():
        imports[name] = set()
        parent = name if file.name == "__init__.py" else name.rpartition(".")[0]
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                base = parent.split(".")[: len(parent.split(".")) - node.level + 1]
                prefix = ".".join(base) if node.level else ""
                source = ".".join(filter(None, (prefix, node.module)))
                for alias in node.names:
                    full = f"{source}.{alias.name}"
                    imports[name].add(full if full in names else source)
    return {name: (found & names.keys()) - {name} for name, found in imports.items()}


def within(module: str, packages: set[str]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


def test_every_package_of_ours_is_looked_at() -> None:
    found = {path.parent.name: path.parent for path in ROOT.glob("*/digits*/__init__.py")}
    assert found == PACKAGES


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_those_of_ours_that_it_may(package: str) -> None:
    allowed = MAY_IMPORT[package] | {package}
    wrong = {
        (file, module)
        for file, module in imported(package)
        if within(module, set(PACKAGES)) and not within(module, allowed)
    }
    assert not wrong


@pytest.mark.parametrize("package", sorted(PACKAGES.keys() - {"digits_training"}))
def test_only_training_imports_tensorflow(package: str) -> None:
    assert not {found for found in imported(package) if within(found[1], TENSORFLOW)}


def test_training_does_import_it() -> None:
    assert {found for found in imported("digits_training") if within(found[1], TENSORFLOW)}


@pytest.mark.parametrize("package", ["digits", "digits_client"])
def test_a_client_imports_no_model_runtime(package: str) -> None:
    assert not {found for found in imported(package) if within(found[1], RUNTIMES)}


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("digits_client", {*TENSORFLOW, *RUNTIMES, *SLOW, "digits_server", "digits_training"}),
        (
            "digits_client.batch.command",
            {*TENSORFLOW, *RUNTIMES, *SLOW, "digits_server", "digits_training"},
        ),
        ("digits_client.bench.cli", {*TENSORFLOW, *RUNTIMES, "digits_server", "digits_training"}),
        ("digits_server.app", {*TENSORFLOW, "digits_client", "digits_training"}),
        ("digits_training.cli", TENSORFLOW),
    ],
)
def test_importing_loads_nothing_that_it_must_not(module: str, forbidden: set[str]) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert module in loaded
    assert not loaded & forbidden


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_no_module_imports_itself_through_others(package: str) -> None:
    try:
        graphlib.TopologicalSorter(module_imports(package)).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))
