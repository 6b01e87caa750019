"""Options that print something and end the command."""

import importlib.metadata

import pytest

from digits.command_parser import CommandParser
from digits_client.cli.exit_options import add_exit_options, complete_files


@pytest.fixture
def parser() -> CommandParser:
    """A parser with a file and a folder."""
    parser = CommandParser(prog="digits-example")
    add_exit_options(parser)
    complete_files(parser.add_argument("--file"))
    complete_files(parser.add_argument("--folder"), folders_only=True)
    return parser


def printed(parser: CommandParser, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as caught:
        parser.parse_args(arguments)
    assert caught.value.code == 0
    output, errors = capsys.readouterr()
    assert errors == ""
    return output


def test_the_version_is_that_of_the_distribution(
    parser: CommandParser, capsys: pytest.CaptureFixture[str]
) -> None:
    version = importlib.metadata.version("digits")
    assert printed(parser, capsys, "--version") == f"digits-example {version}\n"


def test_the_completion_script_completes_files_folders_and_shells(
    parser: CommandParser, capsys: pytest.CaptureFixture[str]
) -> None:
    script = printed(parser, capsys, "--print-completion", "bash")
    assert "___file_COMPGEN=_shtab_compgen_files" in script
    assert "___folder_COMPGEN=_shtab_compgen_dirs" in script
    assert "___print_completion_choices=(bash zsh " in script


def test_an_unknown_shell_is_wrong_usage(
    parser: CommandParser, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parser.parse_args(["--print-completion", "nonsense"])
    assert caught.value.code == 2
    last_line = capsys.readouterr().err.splitlines()[-1]
    assert "--print-completion: invalid choice: 'nonsense' (choose from bash, zsh" in last_line
