"""All choices, into one result file each."""

from typing import Final

from benchmarks.choices import batch_sizes, decoders, frames, loops, serializers, switching, threads
from benchmarks.limits.run import say, write
from benchmarks.machine import provenance

CHOICES: Final = (threads, switching, decoders, frames, loops, serializers, batch_sizes)


def main(rounds: int) -> None:
    """Measure, and write ``choice_<name>.json``."""
    for module in CHOICES:
        say(f"choices: {module.__name__.rpartition('.')[2]}")
        origin = provenance()
        choice = module.measure(rounds)
        write(f"choice_{choice.name}", {**origin, **choice.as_json()})
