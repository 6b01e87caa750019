"""The command ``digits-train``: fit, calibrate, evaluate and export."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from .arguments import build_parser
from .datasets import DatasetError, load_mnist
from .errors import TrainingError
from .network_path import SHIPPED_RUN
from .settings import FitSettings

# Each command imports TensorFlow when it runs, because that takes seconds: --help and usage
# errors do not wait for it. Its log is limited to errors.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0 done, 1 failed, 2 usage error."""
    parsed = build_parser().parse_args(arguments)
    try:
        COMMANDS[parsed.command](parsed)
    except (DatasetError, TrainingError, OSError) as error:
        print(f"digits-train: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("digits-train: interrupted", file=sys.stderr)
        return 130
    return 0


def _fit(parsed: argparse.Namespace) -> None:
    settings = FitSettings.for_network(
        parsed.network,
        epochs=parsed.epochs,
        batch_size=parsed.batch_size,
        learning_rate=parsed.learning_rate,
        validation_count=parsed.validation_count,
        patience=parsed.patience,
        teacher_epochs=parsed.teacher_epochs,
        epoch_count=parsed.epoch_count,
        taught_count=parsed.taught_count,
        drawings=str(parsed.drawings) if parsed.drawings else None,
        start_from=parsed.start_from,
        seed=parsed.seed,
    )
    mnist = load_mnist(parsed.data_dir)
    from .fit import fit

    fit(settings, mnist, parsed.data_dir, parsed.run)
    print(f"Wrote the run to {parsed.run}.")


def _calibrate(parsed: argparse.Namespace) -> None:
    mnist = load_mnist(parsed.data_dir)
    from .fit import calibrate

    calibration = calibrate(parsed.run, mnist, parsed.data_dir)
    print(f"temperature {calibration.temperature}, threshold {calibration.rejection_threshold}")


def _evaluate(parsed: argparse.Namespace) -> None:
    mnist = load_mnist(parsed.data_dir)
    from digits_server.preprocessing.normalize import normalize

    from .eval_results import tutorial_normalize
    from .evaluate import evaluate

    to_frame = tutorial_normalize if parsed.tutorial_frames else normalize
    out = parsed.out or _default_report_folder(parsed.model)
    print(evaluate(parsed.model, mnist, parsed.data_dir, out, to_frame, drawings=parsed.drawings))


def _default_report_folder(model: Path) -> Path:
    if model == SHIPPED_RUN:
        return Path("runs/shipped")
    return model if model.is_dir() else model.parent


def _export(parsed: argparse.Namespace) -> None:
    mnist = load_mnist(parsed.data_dir)
    from .export import export

    exported = export(
        parsed.model, mnist, parsed.models, parsed.version, parsed.data_dir, int8=parsed.int8
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
