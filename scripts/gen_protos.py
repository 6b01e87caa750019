"""Make the committed modules from the protos, or lint the protos.

    python scripts/gen_protos.py            write the modules beside the protos
    python scripts/gen_protos.py --out DIR  write them elsewhere, to compare
    python scripts/gen_protos.py --lint     lint the protos with buf

It is the only maker of those modules. Their import path is their path below
``protos/``, so that they need no rewriting.
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
    """Return the protos as paths below ``protos/``."""
    return sorted(path.relative_to(PROTOS).as_posix() for path in PROTOS.rglob("*.proto"))


def protoc(*arguments: str) -> None:
    """Run protoc with the protos, Google's common ones, and this environment's plugins.

    Raises:
        SystemExit: protoc failed; it has said why.
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

    buf is given protoc's image of them and so has no imports to look up.
    """
    buf = shutil.which("buf", path=sysconfig.get_path("scripts")) or "buf"
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "protos.binpb"
        protoc("--include_imports", "--include_source_info", f"--descriptor_set_out={image}")
        command = [buf, "lint", str(image), "--config", str(PROTOS / "buf.yaml")]
        return subprocess.run(command, check=False).returncode


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=PROTOS, help="default: beside the protos")
    parser.add_argument("--lint", action="store_true", help="lint instead of generate")
    arguments = parser.parse_args()
    if arguments.lint:
        return lint()
    generate(arguments.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
