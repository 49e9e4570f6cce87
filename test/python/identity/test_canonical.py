"""canonical_text: one text for equal values, another for others, the same in every process."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pytest

from pegaflow.identity.canonical import canonical_text


class Backend(Enum):
    FLASH = "flash"
    OTHER = "other"


@dataclass
class Options:
    backend: Any
    size: int = 1


@dataclass
class OtherOptions:
    backend: Any
    size: int = 1


def test_order_of_keys_and_members_does_not_count() -> None:
    assert canonical_text({"a": 1, "b": {2, 3}}) == canonical_text({"b": {3, 2}, "a": 1})


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (1, "1"),
        (None, "None"),
        (None, False),
        ([1, 2], [2, 1]),
        ({"a": {}}, {"a": None}),
        (Backend.FLASH, Backend.OTHER),
        (Options(Backend.FLASH), Options(Backend.OTHER)),
        (Options(None), OtherOptions(None)),
        (Options(None), {"backend": None, "size": 1}),
        (len, max),
        (Options, OtherOptions),
    ],
)
def test_values_that_differ(first: object, second: object) -> None:
    assert canonical_text(first) != canonical_text(second)


def test_what_is_not_known_is_never_the_same() -> None:
    assert canonical_text(object()) != canonical_text(object())
    assert canonical_text(lambda: 1) != canonical_text(lambda: 2)


def test_another_process_says_the_same() -> None:
    program = (
        "from pegaflow.identity.canonical import canonical_text\n"
        "print(canonical_text({'s': {'b', 'a', 'c', 'd'}, 1: (1.5, None, 'ü')}), end='')\n"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path), "PYTHONUTF8": "1"},
            check=True,
            capture_output=True,
            text=True,
            encoding="utf-8",
        ).stdout
        for seed in ("1", "2")
    }
    assert said == {'{"1":[1.5,null,"ü"],"s":["a","b","c","d"]}'}
