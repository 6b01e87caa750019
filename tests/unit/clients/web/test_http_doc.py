"""The guide covers every setting, metric and path."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from digits_client.web.docs import OPENAPI_FILE
from digits_client.web.metrics import Metrics
from digits_client.web.settings import Settings

TEXT = (Path(__file__).resolve().parents[4] / "docs" / "http.md").read_text("utf-8")


def test_exactly_the_existing_settings_are_documented() -> None:
    flags = ["--" + setting.name.replace("_", "-") for setting in fields(Settings)]
    assert re.findall(r"^\| `(--[\w-]+)`", TEXT, re.MULTILINE) == flags


def test_exactly_the_existing_metrics_are_documented() -> None:
    declared = set(re.findall(r"^# HELP (digits_\w+)", Metrics().render().decode(), re.MULTILINE))
    named = re.findall(r"^\| `(digits_\w+)`", TEXT, re.MULTILINE)
    assert {name for name in declared if not name.endswith("_created")} == set(named)


@pytest.mark.parametrize("path", json.loads(OPENAPI_FILE.read_text("utf-8"))["paths"])
def test_every_path_is_documented(path: str) -> None:
    path = path.partition("/versions")[0].replace("{model}", "digits")
    assert f"{path}`" in TEXT
