"""The instructions of server/Dockerfile."""

from collections.abc import Iterator

from tests.processes import ROOT

DOCKERFILE = ROOT / "server" / "Dockerfile"

Instruction = tuple[str, str]


def instructions() -> Iterator[Instruction]:
    """Yield each instruction of the Dockerfile: its name, and its arguments on one line."""
    lines = [
        line
        for line in DOCKERFILE.read_text("utf-8").splitlines()
        if not line.lstrip().startswith("#")
    ]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, rest = line.partition(" ")
            yield name, " ".join(rest.split())


def stages() -> dict[str, list[Instruction]]:
    """Return the instructions of each stage, by name.

    A stage that is built on another one starts with the instructions of that one.
    """
    result: dict[str, list[Instruction]] = {}
    name = ""
    for instruction, rest in instructions():
        if instruction == "FROM":
            parent, _, name = rest.partition(" AS ")
            result[name] = list(result.get(parent, []))
        elif name:
            result[name].append((instruction, rest))
    return result


def last_argument(stage: str, instruction: str) -> str:
    return [rest for name, rest in stages()[stage] if name == instruction][-1]


def image_environment(stage: str) -> dict[str, str]:
    pairs = " ".join(rest for name, rest in stages()[stage] if name == "ENV").split()
    return dict(pair.split("=", 1) for pair in pairs)
