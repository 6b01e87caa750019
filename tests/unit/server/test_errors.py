"""Tests of the server's errors."""

import pickle

import pytest

from digits_server.errors import InvalidArgumentError, OverloadedError, ServerError


@pytest.mark.parametrize(
    "error", [InvalidArgumentError("image", "is empty"), OverloadedError("64 images wait", 0.5)]
)
def test_an_error_with_several_arguments_can_be_pickled(error: ServerError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)
