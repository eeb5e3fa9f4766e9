"""The functions, with the environment at the call."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import mlc_weights
from conftest import TINY


def test_a_model_is_downloaded_once(home: Path) -> None:
    assert mlc_weights.cached(TINY) is None
    model = mlc_weights.download(TINY)
    assert model.path == home / "model_weights/hf/test/tiny"
    assert (model.path / "mlc-chat-config.json").is_file()
    assert not model.cached
    assert model.bytes_received > 3 * 40_000
    assert model.commit is not None

    again = mlc_weights.download(TINY)
    assert (again.cached, again.bytes_received, again.path) == (True, 0, model.path)
    assert mlc_weights.cached(TINY) == again


def test_a_model_is_a_path(home: Path) -> None:
    model = mlc_weights.download(TINY)
    assert os.fspath(model) == str(home / "model_weights/hf/test/tiny")
    assert "tensor-cache.json" in os.listdir(model)


def test_a_plan_touches_nothing(home: Path) -> None:
    plan = mlc_weights.plan(TINY)
    assert not plan.cached
    assert plan.path == home / "model_weights/hf/test/tiny"
    shards = [file for file in plan.files if file.path.startswith("params_shard_")]
    assert [(file.size, file.bytes_to_fetch, file.origin) for file in shards] == 3 * [(40_000, 40_000, "network")]
    assert plan.size >= plan.bytes_to_fetch >= 3 * 40_000
    assert not plan.path.exists()

    mlc_weights.download(TINY)
    assert mlc_weights.plan(TINY).cached
    assert not mlc_weights.plan(TINY, force_redo=True).cached


def test_a_revision_has_a_directory_of_its_own(home: Path) -> None:
    commit = mlc_weights.download(TINY).commit
    assert commit is not None
    for model in (mlc_weights.download(TINY, revision=commit), mlc_weights.download(f"{TINY}@{commit}")):
        assert model.path == home / f"model_weights/hf/test/tiny@{commit}"


def test_the_environment_is_that_of_the_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlc_weights.download(TINY)
    monkeypatch.setenv("MLC_LLM_HOME", str(tmp_path / "another"))
    monkeypatch.setenv("MLC_DOWNLOAD_CACHE_POLICY", "READONLY")
    with pytest.raises(mlc_weights.NotCachedError, match="READONLY"):
        mlc_weights.download(TINY)
    assert mlc_weights.cached(TINY) is None
    monkeypatch.setenv("MLC_LLM_READONLY_WEIGHT_CACHE", str(tmp_path / "home/model_weights"))
    model = mlc_weights.download(TINY)
    assert model.read_only
    assert model.path == tmp_path / "home/model_weights/hf/test/tiny"


def test_a_forced_download_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = mlc_weights.download(TINY)
    assert mlc_weights.download(TINY, force_redo=True).bytes_received == first.bytes_received
    monkeypatch.setenv("MLC_DOWNLOAD_CACHE_POLICY", "REDO")
    assert not mlc_weights.download(TINY).cached
    assert mlc_weights.download(TINY, force_redo=False).cached
