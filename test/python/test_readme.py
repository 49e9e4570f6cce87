"""python/README.md against the code: its table has every setting, with the default."""

from __future__ import annotations

import json
import re
from dataclasses import MISSING, fields
from pathlib import Path

from pegaflow.settings import Settings

README = Path(__file__).resolve().parents[2] / "python" / "README.md"
ROW = re.compile(r"^\| `(\w+)` \| (?:`([^`]+)`|–) \| \S", re.MULTILINE)


def test_the_table_of_settings_is_the_settings() -> None:
    documented = {
        name: json.loads(text) if text else None for name, text in ROW.findall(README.read_text())
    }
    defaults = {
        field.name: None if field.default is MISSING else field.default
        for field in fields(Settings)
    }
    assert documented == defaults
    # In the same order, and 2 is not 2.0 or true.
    assert list(documented) == list(defaults)
    assert [type(value) for value in documented.values()] == [
        type(value) for value in defaults.values()
    ]


def test_its_example_is_understood() -> None:
    example = re.search(r"```json\n(.*?)```", README.read_text(), re.DOTALL)
    assert example is not None
    config = json.loads(example[1])
    extra = config["kv_connector_extra_config"]
    settings = Settings.from_extra_config(extra, config["kv_role"], {})
    assert settings.endpoint == extra["endpoint"]
