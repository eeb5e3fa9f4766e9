"""Maintaining the cache."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import mlc_weights
from conftest import SLOW, TINY


def test_a_model_is_listed(home: Path) -> None:
    cache = mlc_weights.Cache()
    assert cache.list() == ()
    model = mlc_weights.download(TINY)
    [entry] = cache.list()
    assert (entry.model, entry.path, entry.commit) == ("test/tiny", model.path, model.commit)
    assert entry.whole
    assert entry.size > 3 * 40_000
    (home / "model_weights/hf/test/tiny/params_shard_1.bin").unlink()
    [entry] = cache.list()
    assert not entry.whole
    assert "params_shard_1.bin" in entry.missing[0]


def test_damage_is_found() -> None:
    path = mlc_weights.download(TINY).path
    told: list[mlc_weights.Progress] = []
    [report] = mlc_weights.Cache().verify("test/tiny", progress=told.append)
    assert report.sound
    assert report.basis == "receipt"
    assert report.bytes_hashed > 3 * 40_000
    assert told[-1].files_done == told[-1].files

    shard = path / "params_shard_0.bin"
    shard.write_bytes(bytes(shard.stat().st_size))
    [report] = mlc_weights.Cache().verify(TINY)
    assert not report.sound
    [bad] = [file for file in report.files if file.state == "corrupt"]
    assert bad.path == "params_shard_0.bin"
    assert bad.detail


def test_a_model_is_removed() -> None:
    path = mlc_weights.download(TINY).path
    removal = mlc_weights.Cache().remove("test/tiny")
    assert removal.path == path
    assert removal.bytes > 3 * 40_000
    assert removal.leftover is None
    assert not path.exists()
    for call in (mlc_weights.Cache().remove, mlc_weights.Cache().verify):
        with pytest.raises(mlc_weights.NotCachedError):
            call("test/tiny")


@pytest.mark.usefixtures("slow_hub")
def test_what_an_interrupted_download_leaves_is_pruned() -> None:
    def enough(progress: mlc_weights.Progress) -> None:
        if progress.bytes_done > 500_000:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        mlc_weights.download(SLOW, progress=enough)
    cache = mlc_weights.Cache()
    # The last write may end a moment later.
    would = cache.prune(dry_run=True)
    for _ in range(1000):
        if not would.models[0].in_use:
            break
        time.sleep(0.01)
        would = cache.prune(dry_run=True)
    assert [model.model for model in would.models] == ["test/slow"]
    assert would.removed_bytes > 0
    assert cache.prune(older_than=3600).removed_bytes == 0
    assert cache.prune().removed_bytes == would.removed_bytes
    assert cache.prune().removed_bytes == 0
