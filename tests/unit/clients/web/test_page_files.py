"""The files of the page: small, without code or addresses of others, and with all their texts."""

import json
import re

from digits_client.web.page_files import FOLDER as PAGE
from scripts import draw_samples

MAX_CODE_BYTES = 64 * 1024


def test_the_code_of_the_page_is_small() -> None:
    files = [file.read_text("utf-8") for kind in ("*.js", "*.css") for file in PAGE.glob(kind)]
    assert sum(len(text.encode()) for text in files) <= MAX_CODE_BYTES


def test_the_document_has_no_scripts_and_styles_of_its_own() -> None:
    html = (PAGE / "index.html").read_text("utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", html)
    sources = [file.read_text("utf-8") for file in PAGE.iterdir() if file.is_file()]
    addresses = {found for text in sources for found in re.findall(r"https?://[^\"'\s`]+", text)}
    assert addresses <= {"http://www.w3.org/2000/svg"}


def test_each_text_is_used_and_each_used_text_exists() -> None:
    texts = json.loads((PAGE / "texts.json").read_text("utf-8"))
    names = {re.sub(r"\.(one|other)$", "", name) for name in texts}
    html = (PAGE / "index.html").read_text("utf-8")
    scripts = "\n".join(file.read_text("utf-8") for file in PAGE.glob("*.js"))
    in_html = set(re.findall(r'data-(?:text|label)="(\w+)"', html))
    assert in_html <= names
    assert set(re.findall(r'\btext\("(\w+)"', scripts)) <= names
    unused = {name for name in names - in_html if not re.search(rf"\b{name}\b", scripts)}
    assert unused == set()


def test_the_gallery_has_the_samples_and_a_text_for_each() -> None:
    texts = json.loads((PAGE / "texts.json").read_text("utf-8"))
    found = {file.name: file.read_bytes() for file in draw_samples.GALLERY.iterdir()}
    assert set(texts["samples"]) == set(found)
    samples = [
        (draw_samples.SAMPLES / f"{name}.png").read_bytes() for name in draw_samples.IN_GALLERY
    ]
    assert sorted(samples) == sorted(found[name] for name in found if name != "star.png")
