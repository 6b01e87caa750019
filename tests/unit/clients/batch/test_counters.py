"""The last line of a run."""

from digits_client.batch.counters import Counters
from digits_client.batch.rows import Row


def summary(*rows: Row) -> str:
    counters = Counters()
    for row in rows:
        counters.add(row)
    return str(counters).partition(": ")[2]


def test_the_summary_counts_the_files_with_further_pages() -> None:
    one = Row("a.tif", "digit", 7, 0.9, "4", unread_pages=5)
    none = Row("a.png", "blank", None, 0.0, "4", unread_pages=0)
    assert summary(none, none) == "2 blank"
    assert summary(one) == "1 digit; 1 has further pages, which were not read"
    assert (
        summary(one, one, none, Row("x", error="is empty"))
        == "2 digits, 1 blank, 1 failed; 2 have further pages, which were not read"
    )


def test_a_single_image_is_counted_in_the_singular() -> None:
    counters = Counters()
    assert str(counters).startswith("0 images in ")
    counters.add(Row("a.png", "blank", None, 0.0, "4"))
    assert str(counters).startswith("1 image in ")


def test_files_that_were_skipped_are_a_sentence_of_their_own() -> None:
    counters = Counters()
    assert counters.skipped is None
    counters.skip(None)
    assert counters.skipped == "1 file that is not an image was skipped"
    for kind in ("HEIC", "PDF", "PDF", "SVG"):
        counters.skip(kind)
    assert counters.skipped == (
        "5 files that are not images were skipped, 1 of them HEIC (pip install 'digits[heic]' to "
        "read them), 2 of them PDF (use --pages to read them)"
    )
    assert str(counters).startswith("0 images in ")
