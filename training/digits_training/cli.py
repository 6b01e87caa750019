"""The command ``digits-train``: fit, calibrate, evaluate and export."""

import argparse
import dataclasses
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from digits.extras import MissingExtraError, require
from digits.standard_streams import open_closed_streams

from .arguments import build_parser
from .datasets import DatasetError, Mnist, load_mnist
from .errors import TrainingError, UsageError
from .network_path import SHIPPED_RUN, check_network_path, network_path
from .settings import FitSettings, expand
from .tensorflow_import import import_tensorflow

# Each command imports TensorFlow when it runs, because that takes seconds: --help and usage
# errors, such as a path that does not exist, do not wait for it.
logger = logging.getLogger(__package__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0 done, 1 failed, 2 usage error."""
    open_closed_streams(can_be_used=True)
    parsed = build_parser().parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logger.setLevel(logging.INFO)
    try:
        COMMANDS[parsed.command](parsed)
    except (MissingExtraError, UsageError) as error:
        print(f"digits-train: {error}", file=sys.stderr)
        return 2
    except (DatasetError, TrainingError, OSError) as error:
        print(f"digits-train: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("digits-train: interrupted", file=sys.stderr)
        return 130
    return 0


def _load_data(data_dir: Path | None) -> Mnist:
    """Load TensorFlow, and then MNIST."""
    import_tensorflow()
    logger.info("Loading MNIST")
    return load_mnist(data_dir)


def _check_folder(path: Path | None) -> None:
    if path is not None and not path.is_dir():
        raise UsageError(f"{path} is not a folder" if path.exists() else f"{path} does not exist")


def _fit(parsed: argparse.Namespace) -> None:
    _check_folder(parsed.data_dir)
    _check_folder(parsed.drawings)
    if parsed.start_from:
        check_network_path(network_path(parsed.start_from))
    options = {
        **vars(parsed),
        "drawings": str(parsed.drawings) if parsed.drawings else None,
    }
    names = {field.name for field in dataclasses.fields(FitSettings)} - {"network"}
    changes = expand(parsed.network, parsed.preset, {name: options[name] for name in names})
    require("train")
    from .run_folder import stored_settings

    # Options that are not given are those of the run in the folder.
    settings = dataclasses.replace(stored_settings(parsed.run) or FitSettings(), **changes)  # type: ignore[arg-type]
    mnist = _load_data(parsed.data_dir)
    from .fit import fit

    fit(settings, mnist, parsed.data_dir, parsed.run)
    print(f"Wrote the run to {parsed.run}.")


def _calibrate(parsed: argparse.Namespace) -> None:
    _check_folder(parsed.data_dir)
    _check_folder(parsed.run)
    mnist = _load_data(parsed.data_dir)
    from .fit import calibrate

    calibration = calibrate(parsed.run, mnist, parsed.data_dir)
    print(f"temperature {calibration.temperature}, threshold {calibration.rejection_threshold}")


def _evaluate(parsed: argparse.Namespace) -> None:
    _check_folder(parsed.data_dir)
    _check_folder(parsed.drawings)
    check_network_path(parsed.model)
    mnist = _load_data(parsed.data_dir)
    from .eval_results import tutorial_frames
    from .evaluate import evaluate

    read = tutorial_frames if parsed.tutorial_frames else None
    out = parsed.out or _default_report_folder(parsed.model)
    print(
        evaluate(
            parsed.model,
            mnist,
            parsed.data_dir,
            out,
            read,
            line=parsed.line,
            drawings=parsed.drawings,
        )
    )


def _default_report_folder(model: Path) -> Path:
    if model == SHIPPED_RUN:
        return Path("runs/shipped")
    return model if model.is_dir() else model.parent


def _export(parsed: argparse.Namespace) -> None:
    _check_folder(parsed.data_dir)
    check_network_path(parsed.model)
    mnist = _load_data(parsed.data_dir)
    from .export import export

    exported = export(
        parsed.model,
        mnist,
        parsed.models,
        parsed.version,
        parsed.data_dir,
        line=parsed.line,
        int8=parsed.int8,
    )
    print(*exported.report, f"Wrote the model to {exported.folder}.", sep="\n\n")


COMMANDS: Final[dict[str, Callable[[argparse.Namespace], None]]] = {
    "fit": _fit,
    "calibrate": _calibrate,
    "evaluate": _evaluate,
    "export": _export,
}

if __name__ == "__main__":
    sys.exit(main())
