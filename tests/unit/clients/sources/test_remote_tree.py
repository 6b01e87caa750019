"""Finding and reading files in remote stores."""

import contextlib
import functools
import http.server
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from digits_client.errors import InvalidImageError
from digits_client.sources import Selection, find, item
from digits_client.sources.remote_tree import is_url
from tests.pipes import make_pipe

LIMIT = 1000


@pytest.fixture(autouse=True)
def store() -> "Iterator[fsspec.AbstractFileSystem]":
    """A store with a few files."""
    system = fsspec.filesystem("memory")
    for name in ("b.png", "a/2.png", "a/10.png", "a/deep/x.jpg", ".hidden", ".git/config"):
        system.pipe_file(f"/scans/{name}", name.encode())
    yield system
    system.rm("/scans", recursive=True)


ALL = [
    "memory://scans/a/10.png",
    "memory://scans/a/2.png",
    "memory://scans/a/deep/x.jpg",
    "memory://scans/b.png",
]


def paths(*arguments: str, globs: bool = True, **selected: object) -> list[str]:
    selection = Selection(**selected)  # type: ignore[arg-type]
    return [found.path for found in find(arguments, selection, globs=globs)]


def reason(path: str) -> str:
    with pytest.raises(InvalidImageError) as caught:
        item(path).read(LIMIT)
    return str(caught.value)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("s3://bucket/a.png", True),
        ("HTTPS://host", True),
        ("zip://a.png::s3://bucket/b.zip", True),
        ("folder/s3://x", False),
        ("C:/x.png", False),
        ("a:b//c", False),
        ("://x", False),
    ],
)
def test_a_path_with_a_scheme_is_a_url(path: str, *, expected: bool) -> None:
    assert is_url(path) is expected


def test_a_folder_stands_for_all_files_below_it_sorted_and_without_hidden_ones() -> None:
    assert paths("memory://scans") == ALL
    assert paths("memory://scans/") == ALL
    assert paths("memory://scans", recursive=False) == ["memory://scans/b.png"]


def test_an_item_can_be_read_and_is_found_again_by_its_path() -> None:
    assert [found.read(LIMIT) for found in find(["memory://scans"])][-1] == b"b.png"
    assert item("memory://scans/a/2.png").read(LIMIT) == b"a/2.png"


def test_a_file_that_is_named_itself_is_taken_whatever_the_patterns() -> None:
    named = ["memory://scans/b.png", "memory://scans/.hidden", "memory://scans/none"]
    assert paths(*named, include=("*.jpg",)) == named


def test_a_glob_finds_the_files_that_match() -> None:
    assert paths("memory://scans/*") == ALL
    assert paths("memory://scans/**/*.png") == [ALL[0], ALL[1], ALL[3]]
    assert paths("memory://sc?ns/a/[0-9]*.png") == ALL[:2]
    assert paths("memory://scans/*.gif") == ["memory://scans/*.gif"]
    assert paths("memory://nowhere/*.png") == ["memory://nowhere/*.png"]
    assert paths("memory://scans/*", globs=False) == ["memory://scans/*"]


def test_an_existing_file_takes_precedence_over_a_glob(
    store: "fsspec.AbstractFileSystem",
) -> None:
    store.pipe_file("/scans/a[1].png", b"1")
    store.pipe_file("/scans/a1.png", b"2")
    assert paths("memory://scans/a[1].png") == ["memory://scans/a[1].png"]


def test_patterns_filter_the_files_that_are_found() -> None:
    assert paths("memory://scans", include=("*.png",), exclude=("a",)) == ALL[3:]
    assert paths("memory://scans/**", exclude=("memory://scans/a/deep",)) == [
        ALL[0],
        ALL[1],
        ALL[3],
    ]


def test_a_file_that_cannot_be_read_raises_the_reason() -> None:
    assert reason("memory://scans/none.png") == "cannot be read: No such file or directory"
    assert reason("nothing://x") == "cannot be read: Protocol not known: nothing"
    assert paths("nothing://x", "nothing://x/*") == ["nothing://x", "nothing://x/*"]


def test_a_file_over_the_limit_is_not_read(store: "fsspec.AbstractFileSystem") -> None:
    store.pipe_file("/scans/large.png", bytes(2000))
    assert reason("memory://scans/large.png") == "has 2000 bytes; the server accepts at most 1000"


def test_a_folder_that_cannot_be_listed_is_an_item_with_the_reason(
    store: "fsspec.AbstractFileSystem", monkeypatch: pytest.MonkeyPatch
) -> None:
    real = type(store).ls

    def ls(system: "fsspec.AbstractFileSystem", path: str, *, detail: bool) -> object:
        if path == "/scans/a":
            raise RuntimeError("no credentials\nand more")
        return real(system, path, detail=detail)

    monkeypatch.setattr(type(store), "ls", ls)
    first, second = find(["memory://scans"])
    assert (first.path, second.path) == ("memory://scans/a", ALL[3])
    with pytest.raises(InvalidImageError, match=r"^cannot be read: no credentials$"):
        first.read(LIMIT)


def test_without_fsspec_every_url_names_the_extra_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    named = ["s3://bucket/a.png", "s3://bucket/folder", "s3://bucket/*.png"]
    assert paths(*named) == named
    for path in named:
        assert "pip install 'digits[remote]'" in reason(path)


def test_a_file_url_is_read_with_the_same_checks_as_a_path(tmp_path: Path) -> None:
    make_pipe(tmp_path / "pipe.png")
    (tmp_path / "a.png").write_bytes(b"1")
    (tmp_path / "up").symlink_to(".")
    assert paths(f"file://{tmp_path}") == [
        f"file://{tmp_path}/{name}" for name in ("a.png", "pipe.png", "up")
    ]
    assert item(f"file://{tmp_path}/a.png").read(LIMIT) == b"1"
    for name in ("pipe.png", "up"):
        assert reason(f"file://{tmp_path}/{name}") == "is not a regular file"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """The address of a web server with a few files."""
    for name in ("b.png", "a/2 ü.png", "a/x.jpg", "large.png"):
        file = tmp_path / "scans" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode() if name != "large.png" else bytes(2000))
    handler = functools.partial(Handler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files, one endless file and one forbidden file."""

    def do_GET(self) -> None:
        if self.path == "/endless.png":
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                while True:
                    self.wfile.write(bytes(1 << 16))
        elif self.path == "/forbidden.png":
            self.send_error(403, "Not for you")
        else:
            super().do_GET()

    def do_HEAD(self) -> None:
        if self.path == "/endless.png":
            self.send_response(200)
            self.end_headers()
        elif self.path == "/forbidden.png":
            self.send_error(403, "Not for you")
        else:
            super().do_HEAD()

    def log_message(self, *_: object) -> None:
        pass


def test_a_file_on_the_web_is_read(web: str) -> None:
    assert item(f"{web}/scans/b.png").read(LIMIT) == b"b.png"
    assert item(f"{web}/scans/b.png?size=1").read(LIMIT) == b"b.png"
    assert paths(f"{web}/scans/b.png?size=[1]*") == [f"{web}/scans/b.png?size=[1]*"]


def test_a_folder_on_the_web_is_a_page_of_links(web: str) -> None:
    found = list(find([f"{web}/scans/"]))
    assert [image.path for image in found] == [
        f"{web}/scans/a/2%20%C3%BC.png",
        f"{web}/scans/a/x.jpg",
        f"{web}/scans/b.png",
        f"{web}/scans/large.png",
    ]
    assert found[0].read(LIMIT) == "a/2 ü.png".encode()
    assert paths(f"{web}/scans/*.png") == [f"{web}/scans/b.png", f"{web}/scans/large.png"]


def test_a_web_file_that_cannot_be_read_raises_the_reason(web: str) -> None:
    assert reason(f"{web}/none.png") == "cannot be read: No such file or directory"
    assert reason(f"{web}/scans/large.png") == "has 2000 bytes; the server accepts at most 1000"
    assert "cannot be read: 403, message='Not for you'" in reason(f"{web}/forbidden.png")
    assert reason("http://127.0.0.1:1/x.png").startswith("cannot be read: Connect call failed")


def test_an_endless_file_is_read_only_up_to_the_limit(web: str) -> None:
    assert reason(f"{web}/endless.png") == "has more than the 1000 bytes that the server accepts"
