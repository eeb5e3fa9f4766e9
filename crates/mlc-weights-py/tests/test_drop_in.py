"""The two functions that replace the original's."""

import inspect
from pathlib import Path
from typing import Any, Optional

import pytest

import mlc_weights
from conftest import TINY
from mlc_weights import _drop_in


def test_signatures_are_the_originals() -> None:
    def download_and_cache_mlc_weights(
        model_url: str, num_processes: int = 4, force_redo: Optional[bool] = None
    ) -> Path:
        raise NotImplementedError

    def get_or_download_model(model: str) -> Path:
        raise NotImplementedError

    for original in (download_and_cache_mlc_weights, get_or_download_model):
        ours = getattr(mlc_weights, original.__name__)
        expected = inspect.signature(original)
        assert inspect.signature(ours) == expected
        assert str(inspect.signature(ours)) == str(expected)


def test_a_four_that_is_given_is_four(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Optional[int]] = []

    def download(_url: str, **wanted: Any) -> mlc_weights.Model:
        given.append(wanted["num_processes"])
        return mlc_weights.Model(Path(), None, read_only=False, cached=True, bytes_received=0)

    monkeypatch.setattr(_drop_in, "download", download)
    mlc_weights.download_and_cache_mlc_weights(TINY)
    mlc_weights.download_and_cache_mlc_weights(TINY, 4)
    mlc_weights.download_and_cache_mlc_weights(TINY, num_processes=2 + 2)
    assert given == [None, 4, 4]


def test_both_return_the_directory(home: Path) -> None:
    expected = home / "model_weights/hf/test/tiny"
    assert mlc_weights.download_and_cache_mlc_weights(TINY, 2) == expected
    assert mlc_weights.download_and_cache_mlc_weights(TINY, force_redo=True) == expected
    assert mlc_weights.get_or_download_model(TINY) == expected
    assert isinstance(mlc_weights.get_or_download_model(TINY), Path)


def test_a_local_directory_stays_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dist").mkdir()
    with pytest.raises(FileNotFoundError, match=r"mlc-chat-config\.json"):
        mlc_weights.get_or_download_model("dist")
    Path("dist/mlc-chat-config.json").write_text("{}", encoding="utf-8")
    assert mlc_weights.get_or_download_model("dist") == Path("dist")
