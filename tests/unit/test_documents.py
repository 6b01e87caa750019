"""Links in the documents lead somewhere, and their figures are those of the shipped model."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub derives them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text("utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading).strip().lower() for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_of_a_document_leads_somewhere(document: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8")):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize(
    ("row", "metric"),
    [
        ("MNIST test set", "mnist_right"),
        ("drawings of unseen writers|Pen strokes of unseen writers", "strokes_right"),
        ("[Pp]eople's own (?:drawings|images)", "wild_right"),
        ("[Bb]lank images", "blank_right"),
    ],
)
@pytest.mark.parametrize("document", ["README.md", "docs/model-card.md"])
def test_figures_are_those_of_the_shipped_model(document: str, row: str, metric: str) -> None:
    (manifest,) = (ROOT / "server/digits_server/shipped_models").glob("*/manifest.json")
    right = json.loads(manifest.read_text("utf-8"))["metrics"][metric]
    # The first row of that name in the document is that of the model that is served.
    found = re.search(rf"^\| (?:{row}).*\|", (ROOT / document).read_text("utf-8"), re.MULTILINE)
    assert found
    figures = [float(figure) for figure in re.findall(r"(\d+(?:\.\d+)?) %", found[0])]
    assert any(round(100 * right, 2) == figure for figure in figures), (found[0], right)
