"""The glossary of CONTRIBUTING.md has one word for each thing, and nothing uses the others."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (
    *("benchmarks", "clients", "deploy", "docs", "protos", "samples", "scripts", "server"),
    *("tests", "training"),
)
SUFFIXES = {".md", ".proto", ".py", ".toml", ".yaml", ".yml"}
GLOSSARY = ROOT / "CONTRIBUTING.md"
HISTORY = ROOT / "CHANGELOG.md"  # it names what was renamed


def avoided_words() -> list[str]:
    """Return the words in the last column of the glossary."""
    rows = [
        line.split("|") for line in GLOSSARY.read_text("utf-8").splitlines() if line.count("|") == 4
    ]
    return [word for row in rows for word in re.findall(r"`([^`]+)`", row[3])]


def texts() -> Iterator[tuple[str, str]]:
    """Yield the name and the content of each text file that people read."""
    files = [path for path in ROOT.iterdir() if path.is_file() and path not in (GLOSSARY, HISTORY)]
    for folder in FOLDERS:
        files += (ROOT / folder).rglob("*")
    for path in files:
        if path.suffix in SUFFIXES and path != Path(__file__) and "_pb2" not in path.name:
            yield str(path.relative_to(ROOT)), path.read_text("utf-8")


def test_the_glossary_names_words_to_avoid() -> None:
    assert len(avoided_words()) > 10


@pytest.mark.parametrize("word", avoided_words())
def test_an_avoided_word_is_not_used(word: str) -> None:
    # Keys of existing files and names of existing resources stay as they are.
    pattern = re.compile(rf"(?<![\w\"-]){re.escape(word)}(?![\w-])", re.IGNORECASE)
    found = {
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}"
        for name, text in texts()
        for match in pattern.finditer(text)
    }
    assert not found
