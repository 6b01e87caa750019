"""The file of tokens, and what becomes of it."""

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
    assert not tokens.admit(NEW)  # not looked at yet
    clock.now += 1
    assert tokens.admit(NEW)
    assert tokens.admit(OLD)
    file.write_text(NEW)
    clock.now += 1
    assert not tokens.admit(OLD)


@pytest.mark.parametrize("content", [None, "", "# none\n", "short", f"{NEW} and more", "näh" * 9])
def test_a_file_that_goes_bad_leaves_the_tokens_as_they_were_and_says_so_once(
    file: Path, clock: Clock, content: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = Tokens(file, clock)
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    for _ in range(3):
        clock.now += 1
        assert tokens.admit(OLD)
        assert not tokens.admit(NEW)
    assert len([record for record in caplog.records if "kept as they were" in record.message]) == 1
    assert OLD not in caplog.text
    assert "short" not in caplog.text


@pytest.mark.parametrize("content", ["", "# none\n\n", "short", f"{NEW} and more", "näh" * 9])
def test_a_file_without_a_good_token_is_an_error_at_the_start(file: Path, content: str) -> None:
    file.write_text(content)
    with pytest.raises(CredentialsError, match=str(file)):
        Tokens(file)
