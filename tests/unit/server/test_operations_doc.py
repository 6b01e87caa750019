"""The operations guide covers every setting and metric."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from digits_server.ops.metrics import Metrics
from digits_server.settings import Settings
from digits_server.workers.admin import RESTARTS_METRIC

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "operations.md").read_text("utf-8")


@pytest.mark.parametrize("setting", fields(Settings), ids=lambda setting: setting.name)
def test_every_setting_is_documented(setting: object) -> None:
    flag = "--" + setting.name.replace("_", "-")  # type: ignore[attr-defined]
    assert re.search(rf"^\|[^|]*`{flag}`", TEXT, re.MULTILINE)


def test_exactly_the_existing_metrics_are_documented() -> None:
    declared = {RESTARTS_METRIC + "_total"}
    for family in Metrics().registry.collect():
        if family.name.startswith("digits_"):
            suffix = "_total" if family.type == "counter" else ""
            declared.add(family.name + suffix)
    assert set(re.findall(r"^\| `(digits_\w+)", TEXT, re.MULTILINE)) == declared
