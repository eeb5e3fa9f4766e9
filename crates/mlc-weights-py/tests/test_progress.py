"""Progress and logging."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
import tqdm.auto

import mlc_weights
from conftest import SLOW, TINY


class Bar:
    """Replaces tqdm."""

    made: list[Bar]

    def __init__(self, desc: str, total: int, unit: str, unit_scale: bool) -> None:
        self.n = 0
        self.total = total
        self.is_closed = False
        self.labels = (desc, unit, unit_scale)
        self.made.append(self)

    def update(self, n: int) -> None:
        self.n += n

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture(autouse=True)
def bars(monkeypatch: pytest.MonkeyPatch) -> list[Bar]:
    bars: list[Bar] = []
    monkeypatch.setattr(Bar, "made", bars, raising=False)
    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    return bars


def test_a_bar_that_ends_where_it_must(bars: list[Bar]) -> None:
    mlc_weights.download(TINY)
    [bar] = bars
    assert bar.n == bar.total > 3 * 40_000
    assert bar.is_closed
    assert bar.labels == (TINY, "B", True)


def test_no_bar_before_the_first_byte(bars: list[Bar], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(mlc_weights.RefusedError):
        mlc_weights.download("HF://test/none")
    mlc_weights.plan(TINY)
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    mlc_weights.download(TINY)
    monkeypatch.delenv("HF_HUB_DISABLE_PROGRESS_BARS")
    mlc_weights.download(TINY)
    mlc_weights.download(TINY, force_redo=True, progress=False)
    assert bars == []


@pytest.mark.usefixtures("slow_hub")
def test_a_function_is_told_on_the_callers_thread() -> None:
    told: list[mlc_weights.Progress] = []
    threads: set[int] = set()

    def hear(progress: mlc_weights.Progress) -> None:
        told.append(progress)
        threads.add(threading.get_ident())

    mlc_weights.download(SLOW, progress=hear)
    assert threads == {threading.get_ident()}
    done = [progress.bytes_done for progress in told]
    assert len(done) > 3
    assert done == sorted(done)
    last = told[-1]
    assert (last.files_done, last.bytes_done) == (last.files, last.bytes)


@pytest.mark.usefixtures("slow_hub")
def test_a_function_that_raises_ends_the_download() -> None:
    def refuse(_progress: Any) -> None:
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        mlc_weights.download(SLOW, progress=refuse)
    assert mlc_weights.cached(SLOW) is None


def test_policy_and_steps_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    mlc_weights.download_and_cache_mlc_weights(TINY)
    mlc_weights.download_and_cache_mlc_weights(TINY)
    assert {record.name for record in caplog.records} == {"mlc_weights"}
    messages = [record.getMessage() for record in caplog.records]
    policy = "MLC_DOWNLOAD_CACHE_POLICY = ON. Can be one of: ON, OFF, REDO, READONLY"
    assert messages.count(policy) == 2
    assert "asking the hub for test/tiny" in messages
    assert "all files are verified; putting the model in place" in messages
