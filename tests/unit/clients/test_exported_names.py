"""The public names of ``digits_client``."""

import inspect

import digits_client
from digits_client import public


def test_the_exported_names_are_sorted() -> None:
    assert digits_client.__all__ == sorted(digits_client.__all__)


def test_all_public_names_except_modules_are_exported() -> None:
    names = {
        name
        for name, value in vars(public).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert set(digits_client.__all__) == names
    for name in names:
        assert getattr(digits_client, name) is getattr(public, name)


def test_importing_the_package_imports_none_of_its_names() -> None:
    assert not vars(digits_client).keys() & set(digits_client.__all__)
    assert not hasattr(digits_client, "Missing")


def test_every_error_is_exported() -> None:
    errors = {
        name
        for name, value in vars(digits_client.errors).items()
        if inspect.isclass(value) and issubclass(value, digits_client.DigitsError)
    }
    assert errors <= set(digits_client.__all__)


def test_every_exported_class_and_method_is_documented() -> None:
    for name in digits_client.__all__:
        thing = getattr(digits_client, name)
        if not inspect.isclass(thing):
            continue
        assert thing.__doc__, name
        for method_name, method in inspect.getmembers(thing, inspect.isfunction):
            if not method_name.startswith("_"):
                assert method.__doc__, f"{name}.{method_name}"
