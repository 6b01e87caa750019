"""What the page loads: little, from its own server only, within a strict policy."""

import json
import re
from pathlib import Path

from scripts.browser import Browser

PAGE = Path(__file__).resolve().parents[2] / "clients" / "digits_client" / "web" / "page"
MAX_CODE_BYTES = 60_000
MAX_LOADED_BYTES = 100_000


def test_the_code_of_the_page_without_its_comments_is_small() -> None:
    files = [file.read_text("utf-8") for kind in ("*.js", "*.css") for file in PAGE.glob(kind)]
    comments = re.compile(r"/\*.*?\*/|^\s*//.*?$| // [^\"\n]*$", re.DOTALL | re.MULTILINE)
    code = [comments.sub("", text) for text in files]
    assert sum(len(text.encode()) for text in code) <= MAX_CODE_BYTES


def test_the_first_load_is_small_and_from_the_page_s_own_server(
    page: Browser,
) -> None:
    page.command("Network.clearBrowserCache")
    page.driver.refresh()
    page.wait_until_connected()
    entries = json.loads(page.script("return JSON.stringify(performance.getEntries())"))
    loaded = [entry for entry in entries if entry["entryType"] in ("navigation", "resource")]
    origin = page.script("return location.origin")
    assert all(entry["name"].startswith(origin) for entry in loaded)
    assert len(loaded) > 10
    assert sum(entry["transferSize"] for entry in loaded) <= MAX_LOADED_BYTES


def test_a_script_in_the_page_itself_is_not_run(page: Browser) -> None:
    page.script(
        "const script = document.createElement('script');"
        "script.textContent = 'window.injected = 1';"
        "document.body.append(script)"
    )
    assert page.script("return window.injected === undefined")
    assert any("Content Security Policy" in problem for problem in page.problems())


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


def test_the_samples_of_the_gallery_exist() -> None:
    texts = json.loads((PAGE / "texts.json").read_text("utf-8"))
    assert set(texts["samples"]) == {file.name for file in (PAGE / "samples").iterdir()}
