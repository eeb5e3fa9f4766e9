"""Shows progress: by the caller's function, by tqdm if it is installed, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Union

from ._results import Progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._native import News

# A function that receives the progress; ``False`` for none; ``None`` for a tqdm bar.
ProgressOption = Union[Callable[[Progress], object], bool, None]

_TRUTHY = ("1", "ON", "YES", "TRUE")


class Display:
    """Shows nothing; the base of other displays."""

    def show(self, news: News) -> None:
        """Shows the current progress. Called many times a second, on the caller's thread."""

    def close(self) -> None:
        """Called once at the end, whether it succeeds or fails."""


class _Told(Display):
    """Calls a function whenever the progress has changed."""

    def __init__(self, function: Callable[[Progress], object]) -> None:
        self._function = function
        self._last: Progress | None = None

    def show(self, news: News) -> None:
        progress = Progress(*news.progress())
        if progress != self._last and progress.files:
            self._last = progress
            self._function(progress)


class _Bar(Display):
    """A tqdm bar, created with the first byte, since the total is unknown before."""

    def __init__(self, tqdm: Any, name: str) -> None:
        self._tqdm = tqdm
        self._name = name
        self._bar: Any = None

    def show(self, news: News) -> None:
        _, _, done, size = news.progress()
        if self._bar is None:
            if not done:
                return
            self._bar = self._tqdm(desc=self._name, total=size, unit="B", unit_scale=True)
        self._bar.total = size
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def display(progress: ProgressOption, name: str, environ: Mapping[str, str]) -> Display:
    """The display for a call. ``name`` is a bar's label."""
    if callable(progress):
        return _Told(progress)
    if progress is False or environ.get("HF_HUB_DISABLE_PROGRESS_BARS", "").upper() in _TRUTHY:
        return Display()
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return Display()
    return _Bar(tqdm, name)
