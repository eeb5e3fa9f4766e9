"""The loop around a job of the extension module: it logs, draws, handles Ctrl-C, and cancels."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ._errors import MlcWeightsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._display import Display
    from ._native import Job, News

logger = logging.getLogger("mlc_weights")

# How long a wait lasts before Python handles signals, messages and progress, in seconds.
TICK = 0.05
# How long an interrupted call waits for its threads to end.
_GRACE = 0.1


def tell(news: News) -> None:
    """Logs the messages since the last call."""
    for level, message in news.messages():
        logger.log(level, "%s", message)


@contextmanager
def logged_failure() -> Iterator[None]:
    """Logs an error in full before it is raised, since ``mlc_llm compile`` does not show a ``ValueError``'s message."""
    try:
        yield
    except MlcWeightsError as error:
        logger.error("%s", error)
        raise


def run(job: Job, display: Display) -> Any:
    """Waits for a job, and returns its result. Any exception meanwhile, even ``KeyboardInterrupt``, cancels it."""
    try:
        while not job.wait(TICK):
            _look(job, display)
        _look(job, display)
        return job.result()
    except BaseException:
        job.cancel(_GRACE)
        raise
    finally:
        display.close()


async def run_async(job: Job, display: Display) -> Any:
    """The same in an asyncio task, whose cancellation cancels the job. Never blocks the loop."""
    import asyncio

    pause = 0.001
    try:
        while not job.wait(0):
            _look(job, display)
            await asyncio.sleep(pause)
            # A short job is answered at once, and a long one costs little.
            pause = min(2 * pause, TICK)
        _look(job, display)
        return job.result()
    except BaseException:
        job.cancel(0)
        raise
    finally:
        display.close()


def _look(job: Job, display: Display) -> None:
    tell(job.news)
    display.show(job.news)
