"""Installs the two functions in MLC-LLM."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

# The module in which MLC-LLM's engines, server and tools look up the functions on each call.
_TARGET = "mlc_llm.support.download_cache"
_NAMES = ("download_and_cache_mlc_weights", "get_or_download_model")
# The target's own functions, kept in the target itself, which may be reloaded.
_ORIGINALS = "__mlc_weights_originals__"


def install() -> None:
    """Makes MLC-LLM get its models through this package, in this process.

    Replaces ``download_and_cache_mlc_weights`` and ``get_or_download_model`` of
    ``mlc_llm.support.download_cache``, at once if that is already imported, otherwise when it is. MLC-LLM need not be
    installed. Code that has already imported one of the functions from that module keeps the original. May be called
    repeatedly. For processes that are started later, use ``python -m mlc_weights hook enable``.
    """
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    module = sys.modules.get(_TARGET)
    if module is not None:
        _replace(module)


def uninstall() -> None:
    """Undoes :func:`install` and restores MLC-LLM's own functions. Does nothing without an ``install``."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    module = sys.modules.get(_TARGET)
    for name, function in vars(module).pop(_ORIGINALS, {}).items() if module else ():
        setattr(module, name, function)


def _replace(module: ModuleType) -> None:
    from . import _drop_in

    originals = vars(module).setdefault(_ORIGINALS, {})
    for name in _NAMES:
        ours = getattr(_drop_in, name)
        # A reloaded module has its own functions again.
        if getattr(module, name) is not ours:
            originals[name] = getattr(module, name)
            setattr(module, name, ours)


class _Finder:
    """Finds nothing itself; replaces the functions after another finder's loader has run their module."""

    def __init__(self) -> None:
        self._is_asking = False

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != _TARGET or self._is_asking:
            return None
        self._is_asking = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._is_asking = False
        if spec is not None and spec.loader is not None:
            _replace_after(spec.loader)
        return spec


def _replace_after(loader: Any) -> None:
    """Makes the loader of a module replace the functions after it has run the module."""
    run = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        run(module)
        if _finder in sys.meta_path:
            _replace(module)

    loader.exec_module = exec_module


_finder = _Finder()
