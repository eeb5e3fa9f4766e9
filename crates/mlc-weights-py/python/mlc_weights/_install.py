"""Putting the two functions into MLC-LLM."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

# Where MLC-LLM's engines, server and tools look for the functions, each time they call them.
_TARGET = "mlc_llm.support.download_cache"
_NAMES = ("download_and_cache_mlc_weights", "get_or_download_model")
# What the target had, kept in the target itself, which may be imported anew.
_ORIGINALS = "__mlc_weights_originals__"


def install() -> None:
    """Makes MLC-LLM get its models through this package, in this process.

    Replaces ``download_and_cache_mlc_weights`` and ``get_or_download_model`` of
    ``mlc_llm.support.download_cache``, at once if that is imported already, else when it is. MLC-LLM need not be
    installed. What has taken one of the functions out of that module before keeps what it took. May be called more than
    once. Processes that are started later are reached by ``python -m mlc_weights hook enable``.
    """
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    module = sys.modules.get(_TARGET)
    if module is not None:
        _replace(module)


def uninstall() -> None:
    """Undoes :func:`install`: MLC-LLM has its own functions again. Without an ``install`` it does nothing."""
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
        # A module that is loaded once more has functions of its own again.
        if getattr(module, name) is not ours:
            originals[name] = getattr(module, name)
            setattr(module, name, ours)


class _Finder:
    """Finds nothing itself; replaces the functions when what finds their module has run it."""

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
    """Lets a loader, which is made for one module, replace the functions once it has run it."""
    run = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        run(module)
        if _finder in sys.meta_path:
            _replace(module)

    loader.exec_module = exec_module


_finder = _Finder()
