"""The token file, and what happens when it changes."""

from pathlib import Path

import pytest

from digits_server.api.auth import Tokens
from digits_server.errors import CredentialsError

OLD, NEW = "the-old-token-123456", "the-new-token-123456"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text(f"{OLD}\n")
    return path


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_changed_file_is_read_within_a_second(file: Path, clock: Clock) -> None:
    tokens = Tokens(file, clock)
    file.write_text(f"{OLD}\r\n  {NEW}  \n")
    assert not tokens.accepts(NEW)  # not checked yet
    clock.now += 1
    assert tokens.accepts(NEW)
    assert tokens.accepts(OLD)
    file.write_text(NEW)
    clock.now += 1
    assert not tokens.accepts(OLD)


@pytest.mark.parametrize("content", [None, "", "# none\n", "short", f"{NEW} and more", "näh" * 9])
def test_a_file_that_becomes_invalid_leaves_the_tokens_unchanged_and_is_logged_once(
    file: Path, clock: Clock, content: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = Tokens(file, clock)
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    for _ in range(3):
        clock.now += 1
        assert tokens.accepts(OLD)
        assert not tokens.accepts(NEW)
    warnings = [record for record in caplog.records if "stay in use" in record.message]
    assert len(warnings) == 1
    assert OLD not in caplog.text
    assert "short" not in caplog.text


@pytest.mark.parametrize("content", ["", "# none\n\n", "short", f"{NEW} and more", "näh" * 9])
def test_a_file_without_valid_tokens_is_an_error_at_the_start(file: Path, content: str) -> None:
    file.write_text(content)
    with pytest.raises(CredentialsError, match=str(file)):
        Tokens(file)
