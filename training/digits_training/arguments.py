"""The command line of ``digits-train``."""

import argparse
import importlib.metadata
import math
from pathlib import Path
from typing import Any, Final

from digits.arguments import number, whole_number
from digits.command_parser import CommandParser

from .network_path import SHIPPED_LINE, network_path

Commands = Any  # argparse's type of sub-commands is private

DESCRIPTION: Final = (
    "Train the networks that digits-server serves, evaluate them, and export them as a model."
)
FIT_DESCRIPTION: Final = """\
Train a network. A run that was stopped goes on where it was when it is called
again: after the last finished epoch. Options that are not given are then those
of the stopped run; different ones are refused.

The network 'compact' reads single digits, and 'line', which begins with the
layers of a compact one, reads lines of digits. With its defaults, 'compact'
takes up to 90 minutes on 2 cores, with --preset long up to 8 hours, and 'line'
about 90 minutes.
"""
FIT_EPILOG: Final = """\
examples:
  digits-train fit --run runs/compact
  digits-train fit --preset long --run runs/long
  digits-train fit --network line --start-from runs/long --run runs/line
  digits-train fit --drawings drawings --start-from shipped --run runs/mine
  digits-train fit --network tutorial --run runs/tutorial
  digits-train fit --network tutorial --learning-rate 0.001 --run runs/as-written
"""
EVALUATE_DESCRIPTION: Final = """\
Print loss, accuracy and each digit's metrics on MNIST's test set; the accuracy,
the share classified as not a digit, the calibration error and the number of
readings per image on every available set; and the robustness. Readings are
found and chosen as the server does. Write all of it, with the worst mistakes,
to report.html.
"""
EVALUATE_EPILOG: Final = """\
examples:
  digits-train evaluate runs/compact
  digits-train evaluate runs/mine --drawings drawings
  digits-train evaluate mnist.h5 --out report
"""
EXPORT_DESCRIPTION: Final = """\
Convert a network to LiteRT, in float32 and in int8, add one that reads lines of
digits, and write a model folder.
The export fails if the network in float32 predicts differently from the source
on MNIST's test set, or if int8 loses more than 0.05 points there. Print the
accuracy of both on every available set.
"""
EXPORT_EPILOG: Final = """\
examples:
  digits-train export runs/compact --models models
  digits-train export runs/long --line runs/line --models models
  digits-train export mnist.h5 --models models --version 7
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; ``command`` of its result is the name of the command to run."""
    parser = CommandParser(prog="digits-train", description=DESCRIPTION)
    version = importlib.metadata.version("digits")
    parser.add_argument("--version", action="version", version=f"%(prog)s {version}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    data = argparse.ArgumentParser(add_help=False)
    data.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="folder with mnist.npz (default: $DIGITS_DATA_DIR, else Keras' cache, else download)",
    )
    model = argparse.ArgumentParser(add_help=False)
    model.add_argument(
        "model",
        type=network_path,
        metavar="MODEL",
        help="folder of a run, Keras file (.keras, or .h5 as the tutorial saves it), or 'shipped'",
    )
    model.add_argument(
        "--line",
        type=Path,
        default=SHIPPED_LINE,
        metavar="RUN",
        help="folder of a run of the network 'line' (default: the shipped one)",
    )
    _add_fit(commands, data)
    _add_calibrate(commands, data)
    _add_evaluate(commands, model, data)
    _add_export(commands, model, data)
    return parser


def _add_fit(commands: Commands, *parents: argparse.ArgumentParser) -> None:
    fit = commands.add_parser(
        "fit",
        parents=parents,
        help="train a network",
        description=FIT_DESCRIPTION,
        epilog=FIT_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    positive, non_negative = whole_number(1), whole_number(0)
    fit.add_argument(
        "--network",
        choices=("compact", "line", "tutorial"),
        help="network to train (default: compact)",
    )
    fit.add_argument(
        "--preset",
        choices=("standard", "long"),
        help="defaults of the other options, for 'compact': standard, or long, with several "
        "teachers (default: standard)",
    )
    fit.add_argument(
        "--run",
        type=Path,
        default=Path("runs/last"),
        metavar="DIR",
        help="folder to write the run to, or of the run to go on with (default: runs/last)",
    )
    fit.add_argument("--epochs", type=positive, metavar="N", help="maximum number of epochs")
    fit.add_argument("--batch-size", type=positive, metavar="N", help="images per step")
    fit.add_argument(
        "--learning-rate", type=_rate, metavar="RATE", help="learning rate, for compact its peak"
    )
    fit.add_argument(
        "--validation-count",
        # At least 10,000 of MNIST's 60,000 training images remain to train on.
        type=whole_number(0, 50_000),
        metavar="N",
        help="MNIST images held out of training to select the best epoch",
    )
    fit.add_argument(
        "--patience",
        type=positive,
        metavar="EPOCHS",
        help="stop after this many epochs without improvement",
    )
    fit.add_argument(
        "--teachers",
        type=positive,
        metavar="N",
        help="larger networks whose mean prediction the network is trained on",
    )
    fit.add_argument(
        "--teacher-epochs",
        type=non_negative,
        metavar="N",
        help="maximum number of epochs of each teacher; 0 to train without one",
    )
    fit.add_argument(
        "--label-copies",
        type=positive,
        metavar="N",
        help="versions of each image that the teachers predict: itself and moved copies",
    )
    fit.add_argument(
        "--average-decay",
        type=_decay,
        metavar="SHARE",
        help="share of the running average of the weights that a step keeps; 0 for no average",
    )
    fit.add_argument("--epoch-count", type=positive, metavar="N", help="images per epoch")
    fit.add_argument(
        "--taught-count", type=positive, metavar="N", help="images that the teachers label"
    )
    fit.add_argument(
        "--drawn-share",
        type=_share,
        metavar="SHARE",
        help="share of the usual number of images that are drawn; fewer take less time",
    )
    fit.add_argument(
        "--drawings",
        type=Path,
        metavar="FOLDER",
        help="also learn from the drawings that were corrected in digits-draw",
    )
    fit.add_argument(
        "--start-from",
        metavar="MODEL",
        help="start with the weights of a run, a Keras file or 'shipped', and train for a few "
        "epochs; the network itself is the teacher of what it already knows",
    )
    fit.add_argument(
        "--seed",
        type=whole_number(0, 2**32 - 1),  # the range of NumPy and TensorFlow
        metavar="N",
        help="seed of all random numbers",
    )


def _add_calibrate(commands: Commands, *parents: argparse.ArgumentParser) -> None:
    calibrate = commands.add_parser(
        "calibrate",
        parents=parents,
        help="fit a run's temperature and threshold again",
        description="Fit the temperature and the threshold of a run again on its held-out "
        "examples, as fit does at its end.",
    )
    calibrate.add_argument("run", type=Path, metavar="RUN", help="folder of a run")


def _add_evaluate(commands: Commands, *parents: argparse.ArgumentParser) -> None:
    evaluate = commands.add_parser(
        "evaluate",
        parents=parents,
        help="measure a network on every available set of images",
        description=EVALUATE_DESCRIPTION,
        epilog=EVALUATE_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    evaluate.add_argument(
        "--tutorial-frames",
        action="store_true",
        help="normalize as the tutorial's window does: resize the whole image to 28x28",
    )
    evaluate.add_argument(
        "--drawings",
        type=Path,
        metavar="FOLDER",
        help="also measure on the drawings that were corrected in digits-draw, and compare with "
        "the shipped model",
    )
    evaluate.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder to write to (default: the model's folder; for 'shipped', runs/shipped)",
    )


def _add_export(commands: Commands, *parents: argparse.ArgumentParser) -> None:
    export = commands.add_parser(
        "export",
        parents=parents,
        help="write the model folder that digits-server loads",
        description=EXPORT_DESCRIPTION,
        epilog=EXPORT_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    export.add_argument(
        "--models",
        type=Path,
        default=Path("models"),
        metavar="DIR",
        help="folder of the model folders (default: models)",
    )
    export.add_argument(
        "--version",
        type=whole_number(1),
        metavar="N",
        help="version of the model (default: one above the highest in --models)",
    )
    export.add_argument(
        "--no-int8",
        dest="int8",
        action="store_false",
        help="write the file for float32 only",
    )


def _rate(text: str) -> float:
    value = number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a finite number above 0")
    return value


def _decay(text: str) -> float:
    value = number(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 0 and below 1")
    return value


def _share(text: str) -> float:
    value = number(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 1")
    return value
