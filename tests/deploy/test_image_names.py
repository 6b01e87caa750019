"""The images that documents and manifests name, and the commands that build them."""

import argparse
import re
from collections.abc import Iterator

import pytest

from tests.deploy.dockerfile import DOCKERFILE, instructions, stages
from tests.processes import ROOT


def documents_and_manifests() -> Iterator[str]:
    paths = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    for path in (*paths, ROOT / "docker-compose.yml", *(ROOT / "deploy").rglob("*.y*ml")):
        yield path.read_text("utf-8").replace("\\\n", " ")


def build_lines() -> set[str]:
    """Return each documented command that builds an image, after ``docker build``."""
    text = "\n".join(documents_and_manifests())
    return set(re.findall(r"docker build (-.*)$", text, re.M))


def test_every_image_of_the_project_has_a_documented_build_line() -> None:
    named = set()
    for text in documents_and_manifests():
        named |= set(re.findall(r"^ +(?:- )?image: (digits-\S+)", text, re.M))
        for command in re.findall(r"^docker run (.*)$", text, re.M):
            named |= set(re.findall(r"(?<= )digits-\w+:\S+", command))
    built = {tag for line in build_lines() for tag in re.findall(r"-t (\S+)", line)}
    assert len(named) == 5
    assert named <= built


@pytest.mark.parametrize("line", sorted(build_lines()))
def test_a_documented_build_line_finds_what_it_needs(line: str) -> None:
    *options, context = line.split()
    parser = argparse.ArgumentParser()
    parser.add_argument("-f")
    parser.add_argument("-t")
    parser.add_argument("--target", default="server")
    parser.add_argument("--build-arg", action="append", default=[])
    parsed = parser.parse_args(options)
    if parsed.f == "-":
        assert context != "."  # where .dockerignore leaves out everything else
        return
    assert (ROOT / parsed.f, context) == (DOCKERFILE, ".")
    assert parsed.target in stages()
    arguments = {rest.partition("=")[0] for name, rest in instructions() if name == "ARG"}
    assert {argument.partition("=")[0] for argument in parsed.build_arg} <= arguments
