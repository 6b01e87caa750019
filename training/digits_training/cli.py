"""The command ``digits-train``: fit, calibrate, evaluate, export."""

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from .datasets import DatasetError, load_mnist
from .errors import TrainingError
from .settings import FitSettings
from .sources import SHIPPED_RUN, source_named

DESCRIPTION = "Train the network that digits-server serves, measure it, and export it."
FIT_EPILOG = """\
examples:
  digits-train fit --run runs/compact
  digits-train fit --drawings drawings --start-from shipped --run runs/mine
  digits-train fit --network tutorial --run runs/tutorial
  digits-train fit --network tutorial --learning-rate 0.001 --run runs/as-written
"""
EVALUATE_EPILOG = """\
examples:
  digits-train evaluate runs/compact
  digits-train evaluate runs/mine --drawings drawings
  digits-train evaluate mnist.h5 --out report
"""
EXPORT_EPILOG = """\
examples:
  digits-train export runs/compact --models models
  digits-train export mnist.h5 --models models --version 7
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0 done, 1 failed, 2 usage."""
    parsed = _parser().parse_args(arguments)
    try:
        if parsed.command == "fit":
            _fit(parsed)
        elif parsed.command == "calibrate":
            _calibrate(parsed)
        elif parsed.command == "evaluate":
            _evaluate(parsed)
        else:
            _export(parsed)
    except (DatasetError, TrainingError, OSError) as error:
        print(f"digits-train: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("digits-train: interrupted", file=sys.stderr)
        return 130
    return 0


# TensorFlow takes seconds to import: each command imports it when it runs, so that
# --help and a wrong flag answer at once. What it says of itself while it starts is kept
# to errors.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


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
    print(f"The run is in {parsed.run}.")


def _calibrate(parsed: argparse.Namespace) -> None:
    mnist = load_mnist(parsed.data_dir)
    from .fit import calibrate

    calibration = calibrate(parsed.run, mnist, parsed.data_dir)
    print(f"temperature {calibration.temperature}, threshold {calibration.rejection_threshold}")


def _evaluate(parsed: argparse.Namespace) -> None:
    mnist = load_mnist(parsed.data_dir)
    from digits_server.preprocessing.normalize import normalize

    from .eval_results import tutorial_frame
    from .evaluate import evaluate

    frame = tutorial_frame if parsed.tutorial_frames else normalize
    beside = parsed.model if parsed.model.is_dir() else parsed.model.parent
    out = parsed.out or (Path("runs/shipped") if parsed.model == SHIPPED_RUN else beside)
    print(evaluate(parsed.model, mnist, parsed.data_dir, out, frame, drawings=parsed.drawings))


def _export(parsed: argparse.Namespace) -> None:
    mnist = load_mnist(parsed.data_dir)
    from .export import export

    folder = export(parsed.model, mnist, parsed.models, parsed.version, quantize=parsed.quantize)
    print(f"The model is in {folder}.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="digits-train", description=DESCRIPTION)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    data = argparse.ArgumentParser(add_help=False)
    data.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="folder with mnist.npz; default: $DIGITS_DATA_DIR, else Keras' cache, else a download",
    )
    model = argparse.ArgumentParser(add_help=False)
    model.add_argument(
        "model",
        type=source_named,
        metavar="MODEL",
        help="the folder of a run, or a Keras file: .keras, or .h5 as the tutorial saves it; or "
        "`shipped`",
    )

    fit = commands.add_parser(
        "fit",
        parents=[data],
        help="train a network",
        description="Train a network on MNIST. What is not given has the network's own default.",
        epilog=FIT_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    fit.add_argument("--network", choices=("compact", "tutorial"), default="compact")
    fit.add_argument("--run", type=Path, default=Path("runs/last"), metavar="DIR")
    fit.add_argument("--epochs", type=_positive)
    fit.add_argument("--batch-size", type=_positive, metavar="N")
    fit.add_argument("--learning-rate", type=_rate, metavar="RATE")
    fit.add_argument(
        "--validation-count", type=_validation_count, metavar="N", help="images to choose by"
    )
    fit.add_argument("--patience", type=_positive, metavar="EPOCHS")
    fit.add_argument(
        "--teacher-epochs", type=_epochs_or_none, metavar="N", help="0 trains without a teacher"
    )
    fit.add_argument("--epoch-count", type=_positive, metavar="N", help="images a pass")
    fit.add_argument(
        "--taught-count", type=_positive, metavar="N", help="images that the teacher answers"
    )
    fit.add_argument(
        "--drawings",
        type=Path,
        metavar="FOLDER",
        help="learn from the drawings too that were put right in digits-draw",
    )
    fit.add_argument(
        "--start-from",
        metavar="MODEL",
        help="begin with the weights of a run or a Keras file, or with `shipped`, and train a "
        "few passes without a teacher",
    )
    fit.add_argument("--seed", type=_seed, metavar="N")

    calibrate = commands.add_parser(
        "calibrate",
        parents=[data],
        help="fit a run's temperature and threshold anew",
        description="Fit the temperature and the threshold of a run anew, on the examples that "
        "it kept out; fit does so at its end.",
    )
    calibrate.add_argument("run", type=Path, metavar="RUN")

    evaluate = commands.add_parser(
        "evaluate",
        parents=[model, data],
        help="measure a network on every set of images at hand",
        description="Print loss, accuracy and the figures of each digit on MNIST's test set, and "
        "the accuracy, the share turned away and the calibration error on every other set of "
        "images that is at hand; write them, robustness and the worst mistakes into report.html.",
        epilog=EVALUATE_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    evaluate.add_argument(
        "--tutorial-frames",
        action="store_true",
        help="frame as the tutorial's window does: the whole image made 28x28, nothing more",
    )
    evaluate.add_argument(
        "--drawings",
        type=Path,
        metavar="FOLDER",
        help="measure on the drawings too that were put right in digits-draw, and compare with "
        "the shipped model",
    )
    evaluate.add_argument("--out", type=Path, metavar="DIR", help="default: beside the model")

    export = commands.add_parser(
        "export",
        parents=[model, data],
        help="make the model folder that digits-server loads",
        description="Convert a network to LiteRT, compare the two on MNIST's test set, and write "
        "a model folder. A network that answers differently once converted is refused.",
        epilog=EXPORT_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    export.add_argument("--models", type=Path, default=Path("models"), metavar="DIR")
    export.add_argument(
        "--version", type=_positive, metavar="N", help="default: one above the highest in --models"
    )
    export.add_argument(
        "--quantize", action="store_true", help="int8 weights and activations instead of float32"
    )
    return parser


def _positive(text: str) -> int:
    return _whole(text, 1, sys.maxsize)


def _epochs_or_none(text: str) -> int:
    return _whole(text, 0, sys.maxsize)


def _validation_count(text: str) -> int:
    # What is kept out of the 60,000 cannot be trained on, and something has to be.
    return _whole(text, 0, 50_000)


def _seed(text: str) -> int:
    return _whole(text, 0, 2**32 - 1)  # what NumPy and TensorFlow take


def _whole(text: str, low: int, high: int) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{value} is not between {low} and {high}")
    return value


def _rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and finite")
    return value


if __name__ == "__main__":
    sys.exit(main())
