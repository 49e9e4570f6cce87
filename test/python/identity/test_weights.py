"""The name of an engine's weights: what makes two the same, what not, and what is private."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from pegaflow.identity.facts import WeightsSource
from pegaflow.identity.weights import name_weights, weights_digest


@pytest.fixture
def cache(tmp_path: Path) -> str:
    return str(tmp_path / "cache.json")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


def write_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"hidden_size": 64}')
    (folder / "model-1.safetensors").write_bytes(b"one" * 1000)
    (folder / "model-2.safetensors").write_bytes(b"two" * 1000)
    (folder / "tokenizer.json").write_text("{}")
    return folder


def test_a_copy_elsewhere_has_the_same_name(model: Path, tmp_path: Path, cache: str) -> None:
    copy = write_model(tmp_path / "else" / "where")
    assert weights_digest(str(model), cache) == weights_digest(str(copy), cache)
    assert weights_digest(f"{model}/", cache) == weights_digest(str(copy), cache)


def test_links_are_followed_as_in_a_hugging_face_snapshot(
    model: Path, tmp_path: Path, cache: str
) -> None:
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    for file in model.iterdir():
        (snapshot / file.name).symlink_to(file)
    assert weights_digest(str(snapshot), cache) == weights_digest(str(model), cache)


@pytest.mark.parametrize("name", ["config.json", "model-1.safetensors", "model-2.safetensors"])
def test_every_file_counts(model: Path, cache: str, name: str) -> None:
    before = weights_digest(str(model), cache)
    (model / name).write_bytes(b"other" + (model / name).read_bytes()[5:])
    assert weights_digest(str(model), cache) != before


@pytest.mark.parametrize(
    "name", ["model-3.safetensors", "modeling_own.py", "hf_quant_config.json", "extra.bin"]
)
def test_a_file_more_counts(model: Path, cache: str, name: str) -> None:
    before = weights_digest(str(model), cache)
    (model / name).write_text("x")
    assert weights_digest(str(model), cache) != before


def test_two_files_with_each_others_content_are_other_weights(model: Path, cache: str) -> None:
    before = weights_digest(str(model), cache)
    first, second = model / "model-1.safetensors", model / "model-2.safetensors"
    first_bytes, second_bytes = first.read_bytes(), second.read_bytes()
    first.write_bytes(second_bytes)
    second.write_bytes(first_bytes)
    assert weights_digest(str(model), cache) != before


def test_tokenizers_do_not_count(model: Path, cache: str) -> None:
    before = weights_digest(str(model), cache)
    (model / "tokenizer.json").write_text('{"other": 1}')
    (model / "README.md").write_text("hello")
    assert weights_digest(str(model), cache) == before


def test_a_model_in_one_file(tmp_path: Path, cache: str) -> None:
    first, second = tmp_path / "a.gguf", tmp_path / "b.gguf"
    first.write_bytes(b"gguf")
    second.write_bytes(b"gguf")
    assert weights_digest(str(first), cache) == weights_digest(str(second), cache)
    second.write_bytes(b"GGUF")
    assert weights_digest(str(first), cache) != weights_digest(str(second), cache)


def test_the_name_is_the_same_each_time(model: Path, cache: str) -> None:
    source = WeightsSource(model=str(model))
    name = name_weights(source, None, cache)
    assert name == f"files:{weights_digest(str(model), cache)}"
    assert name == name_weights(source, None, cache)


def test_the_operators_name_stands(model: Path, cache: str) -> None:
    assert name_weights(WeightsSource(model="s3://x", remote=True), "mine", cache) == "named:mine"
    assert name_weights(WeightsSource(model=str(model)), "mine", cache) == "named:mine"


def test_dummy_weights_are_told_by_the_configuration(cache: str) -> None:
    source = WeightsSource(model="/nowhere", load_format="dummy", config_digest="abc")
    assert name_weights(source, None, cache) == "dummy:abc"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (WeightsSource(model="s3://bucket/model", remote=True), "can't be read here"),
        (WeightsSource(model="s3://bucket/model"), "no weights of 's3://bucket/model'"),
        (WeightsSource(model="nobody/has-this-model-here"), "were found on this machine"),
        (WeightsSource(model="/", code_elsewhere=True), "comes from another repository"),
        (WeightsSource(model="/proc"), "has no file of weights"),
    ],
)
def test_what_is_not_known_is_private_and_said_once(
    source: WeightsSource, why: str, cache: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        names = {name_weights(source, None, cache) for _ in range(2)}
    assert len(names) == 2
    assert all(name.startswith("private:") for name in names)
    assert why in caplog.text
    assert "weights_id" in caplog.text
