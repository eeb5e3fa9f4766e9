"""Ctrl-C, other threads, asyncio, forked and spawned processes."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from typing import Callable

import pytest

import mlc_weights
from conftest import SLOW, TINY
from mlc_weights import _native

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals, forks and /proc")

# More than five times the promised time, since other programs run on this machine too.
LONGEST = 2.0


@pytest.mark.usefixtures("slow_hub")
def test_an_interrupt_raises_and_the_next_call_continues() -> None:
    begun = threading.Event()
    sent: list[float] = []
    threads = thread_count()

    def interrupt() -> None:
        begun.wait()
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    helper = threading.Thread(target=interrupt)
    helper.start()
    with pytest.raises(KeyboardInterrupt):
        mlc_weights.download(SLOW, progress=at_half_a_shard(begun.set))
    took = time.monotonic() - sent[0]
    print(f"KeyboardInterrupt after {1000 * took:.0f} ms")
    assert took < LONGEST
    helper.join()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    # tqdm would leave a thread behind.
    model = mlc_weights.download(SLOW, progress=False)
    assert 0 < model.bytes_received < 8 * 500_000
    assert thread_count() == threads


@pytest.mark.usefixtures("slow_hub")
def test_other_threads_run_meanwhile() -> None:
    counted = 0
    is_over = threading.Event()

    def count() -> None:
        nonlocal counted
        while not is_over.wait(0.001):
            counted += 1

    counter = threading.Thread(target=count)
    counter.start()
    mlc_weights.download(SLOW)
    is_over.set()
    counter.join()
    assert counted > 100


@pytest.mark.usefixtures("slow_hub")
def test_threads_that_want_the_same_model_get_it() -> None:
    models: list[mlc_weights.Model] = []
    threads = [threading.Thread(target=lambda: models.append(mlc_weights.download(SLOW))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(model.cached for model in models) == [False, True, True]


def test_tasks_of_asyncio() -> None:
    async def main() -> None:
        first, second = await asyncio.gather(
            mlc_weights.download_async(TINY), mlc_weights.download_async("HF://test/other")
        )
        assert first.path.name == "tiny"
        assert second.path.name == "other"
        assert (await mlc_weights.download_async(TINY)).cached
        with pytest.raises(mlc_weights.RefusedError):
            await mlc_weights.download_async("HF://test/none")

    asyncio.run(main())


@pytest.mark.usefixtures("slow_hub")
def test_a_cancelled_task_stops_and_the_next_continues() -> None:
    async def main() -> None:
        begun = asyncio.Event()
        task = asyncio.create_task(mlc_weights.download_async(SLOW, progress=at_half_a_shard(begun.set)))
        await begun.wait()
        task.cancel()
        start = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        took = time.monotonic() - start
        print(f"cancelled after {1000 * took:.0f} ms")
        assert took < LONGEST
        model = await mlc_weights.download_async(SLOW)
        assert 0 < model.bytes_received < 8 * 500_000

    asyncio.run(main())


def test_a_forked_process_can_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlc_weights.download(TINY)
    monkeypatch.setenv("MLC_LLM_HOME", str(tmp_path / "child"))

    def child() -> bool:
        return mlc_weights.download(TINY).path.is_relative_to(tmp_path / "child")

    assert in_child(child)


@pytest.mark.usefixtures("slow_hub")
def test_a_process_that_is_forked_during_a_download_is_told_so(home: Path) -> None:
    commit = mlc_weights.plan(SLOW).commit
    begun = threading.Event()
    parent = threading.Thread(target=lambda: mlc_weights.download(SLOW, progress=lambda _: begun.set()))
    parent.start()
    begun.wait()

    def child() -> bool:
        # A cached model needs no thread.
        assert mlc_weights.cached(SLOW) is None
        for _ in range(2):
            with pytest.raises(RuntimeError, match="was forked while process"):
                mlc_weights.download(SLOW, revision=commit)
        return True

    assert in_child(child)
    parent.join()
    assert (home / "model_weights/hf/test/slow").is_dir()
    assert in_child(lambda: mlc_weights.download(SLOW, force_redo=True, progress=False).bytes_received > 0)


@pytest.mark.usefixtures("slow_hub")
def test_a_download_that_is_inherited_is_refused_by_name() -> None:
    job = _native.Request(dict(os.environ), SLOW).download()

    def child() -> bool:
        with pytest.raises(RuntimeError, match="forked"):
            job.wait(1)
        with pytest.raises(RuntimeError, match="forked"):
            job.result()
        return True

    assert in_child(child)
    job.cancel(10)


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_a_pool_of_processes(method: str, home: Path) -> None:
    with multiprocessing.get_context(method).Pool(2) as pool:
        paths = pool.map(mlc_weights.get_or_download_model, 4 * [TINY])
        assert set(paths) == {home / "model_weights/hf/test/tiny"}
        [model] = pool.map(mlc_weights.download, [TINY])
        assert model.cached
        with pytest.raises(mlc_weights.NotFoundError, match="nowhere"):
            pool.map(mlc_weights.get_or_download_model, ["nowhere"])


def at_half_a_shard(act: Callable[[], None]) -> Callable[[mlc_weights.Progress], None]:
    """Acts once enough has arrived that part of it must be kept for the next call."""

    def hear(progress: mlc_weights.Progress) -> None:
        if progress.bytes_done > 250_000:
            act()

    return hear


def in_child(job: Callable[[], bool]) -> bool:
    """The result of a job in a forked process."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if job() else 1
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def thread_count() -> int:
    """All threads of this process, after ending ones have ended."""
    before = -1
    while before != (before := len(list(Path("/proc/self/task").iterdir()))):
        time.sleep(0.2)
    return before
