"""Generate the committed modules from the protos, or lint the protos.

    python -m scripts.gen_protos            write the modules next to the protos
    python -m scripts.gen_protos --out DIR  write them to another folder, to compare
    python -m scripts.gen_protos --lint     lint the protos with buf

The modules are only ever written by this script. Their import path is their path below
``protos/``, so the generated imports need no rewriting.
"""

import argparse
import importlib.util
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

PROTOS = Path(__file__).resolve().parent.parent / "protos"


def proto_files() -> list[str]:
    """Return the paths of the protos below ``protos/``."""
    return sorted(path.relative_to(PROTOS).as_posix() for path in PROTOS.rglob("*.proto"))


def protoc(*arguments: str) -> None:
    """Run protoc on the protos, with Google's common protos and this environment's plugins.

    Raises:
        SystemExit: protoc failed; it has printed the reason.
    """
    from grpc_tools import protoc as grpc_protoc

    common = importlib.util.find_spec("google.rpc")
    if common is None or not common.submodule_search_locations:
        raise SystemExit("googleapis-common-protos is not installed")
    scripts = Path(sysconfig.get_path("scripts"))
    status = grpc_protoc.main(
        [
            "protoc",
            f"--proto_path={PROTOS}",
            f"--proto_path={Path(next(iter(common.submodule_search_locations))).parents[1]}",
            f"--proto_path={Path(grpc_protoc.__file__).parent / '_proto'}",
            f"--plugin=protoc-gen-mypy_grpc={scripts / 'protoc-gen-mypy_grpc'}",
            *arguments,
            *proto_files(),
        ]
    )
    if status:
        raise SystemExit(status)


def generate(out: Path) -> None:
    """Write the modules and their type stubs below a folder."""
    protoc(
        f"--python_out={out}",
        f"--pyi_out={out}",
        f"--grpc_python_out={out}",
        f"--mypy_grpc_out=quiet:{out}",
    )


def lint() -> int:
    """Lint the protos with buf and return its exit status.

    buf reads an image made by protoc, so that it does not have to resolve imports.
    """
    buf = shutil.which("buf", path=sysconfig.get_path("scripts")) or "buf"
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "protos.binpb"
        protoc("--include_imports", "--include_source_info", f"--descriptor_set_out={image}")
        command = [buf, "lint", str(image), "--config", str(PROTOS / "buf.yaml")]
        return subprocess.run(command, check=False).returncode


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.gen_protos", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=PROTOS,
        help="folder for the modules; default: next to the protos",
    )
    parser.add_argument("--lint", action="store_true", help="lint the protos and write nothing")
    arguments = parser.parse_args()
    if arguments.lint:
        return lint()
    generate(arguments.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
