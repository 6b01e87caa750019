"""The token file, and what happens when it changes."""

from pathlib import Path

import pytest

from digits.credential_files import CredentialsError
from digits.tokens import Tokens

OLD, NEW = "the-old-token-123456", "the-new-token-123456"
INVALID = ["", "# none\n\n", "short", f"{NEW} and more", "näh" * 9]
GRACE_SECONDS = 60


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


def test_a_changed_file_is_read(file: Path) -> None:
    tokens = Tokens(file, GRACE_SECONDS)
    file.write_text(f"{OLD}\r\n  {NEW}  \n")
    tokens.files.reload()
    assert tokens.accepts(NEW)
    assert tokens.accepts(OLD)
    file.write_text(NEW)
    tokens.files.reload()
    assert not tokens.accepts(OLD)


@pytest.mark.parametrize("content", [None, *INVALID])
def test_the_tokens_of_a_file_that_becomes_invalid_stay_valid_for_a_grace_period(
    file: Path, clock: Clock, content: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = Tokens(file, GRACE_SECONDS, clock)
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    for _ in range(GRACE_SECONDS):
        clock.now += 1
        tokens.files.reload()
        assert tokens.accepts(OLD)
        assert not tokens.accepts(NEW)
    clock.now += 1
    for _ in range(2):
        assert not tokens.accepts(OLD)
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
    assert "stays in use" in caplog.records[0].message
    assert "no token is valid" in caplog.records[1].message
    assert OLD not in caplog.text
    assert "short" not in caplog.text
    file.write_text(OLD)
    tokens.files.reload()
    assert tokens.accepts(OLD)


def test_the_tokens_of_a_file_that_hangs_expire_too(file: Path, clock: Clock) -> None:
    tokens = Tokens(file, GRACE_SECONDS, clock)
    clock.now += GRACE_SECONDS + 1  # and no reload has ended
    assert not tokens.accepts(OLD)


@pytest.mark.parametrize("content", INVALID)
def test_a_file_without_valid_tokens_is_an_error_at_the_start(file: Path, content: str) -> None:
    file.write_text(content)
    with pytest.raises(CredentialsError, match=str(file)):
        Tokens(file, GRACE_SECONDS)
