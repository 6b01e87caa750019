"""Wrong usage of a command, in one line."""

import pytest

from digits.command_parser import CommandParser


@pytest.fixture
def parser() -> CommandParser:
    """A parser with an option and a subcommand."""
    parser = CommandParser(prog="digits-example")
    parser.add_argument("--count", type=int)
    fit = parser.add_subparsers(required=True).add_parser("fit")
    fit.add_argument("folder")
    return parser


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["--count", "x", "fit", "a"],
            "digits-example: error: argument --count: invalid int value: 'x'; see digits-example "
            "--help\n",
        ),
        (
            ["fit"],
            "digits-example fit: error: the following arguments are required: folder; see "
            "digits-example fit --help\n",
        ),
        (
            ["--count", "a\nb", "fit", "a"],
            "digits-example: error: argument --count: invalid int value: 'a\\nb'; see "
            "digits-example --help\n",
        ),
    ],
)
def test_wrong_usage_is_one_line_with_a_hint_at_the_help(
    arguments: list[str], line: str, parser: CommandParser, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parser.parse_args(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr() == ("", line)
