"""Paths as valid UTF-8, and back."""

import itertools
import os

import pytest

from digits_client.batch.path_text import from_utf8, safe_path, safe_text, to_utf8


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (b"scans/7.png", "scans/7.png"),
        ("Müller 七.png".encode(), "Müller 七.png"),
        (b"a\\b.png", "a\\b.png"),
        (b"a\xffb.png", "a\\xffb.png"),
        (b"a\\xffb.png", "a\\x5cxffb.png"),
        (b"a\\x5cxff\xff", "a\\x5cx5cxff\\xff"),
        (b"a\\xFF.png", "a\\xFF.png"),
    ],
)
def test_only_bytes_that_are_not_utf_8_are_escaped(path: bytes, text: str) -> None:
    assert to_utf8(os.fsdecode(path)) == text
    assert from_utf8(text) == os.fsdecode(path)


def test_every_path_comes_back_and_no_two_have_the_same_text() -> None:
    pieces = [b"\\", b"x", b"5c", b"ff", b"\xff", b"\xc3", b"\xa4", "ä".encode()]
    texts: dict[str, str] = {}
    for count in range(5):
        for parts in itertools.product(pieces, repeat=count):
            path = os.fsdecode(b"".join(parts))
            text = to_utf8(path)
            text.encode("utf-8")  # strictly
            assert from_utf8(text) == path
            assert texts.setdefault(text, path) == path


def test_a_path_that_is_safe_is_not_changed() -> None:
    for path in ("", "7.png", "a=1.png", "./=1.png", "/=1.png", "Ü.png", " =1.png"):
        assert safe_path(path) is path
        assert safe_text(path) is path
