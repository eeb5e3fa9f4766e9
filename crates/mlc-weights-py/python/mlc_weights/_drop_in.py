"""MLC-LLM's two functions, with the same names, arguments and families of exceptions."""

from pathlib import Path
from typing import Optional

from . import _native
from ._download import download
from ._work import logged_failure


class _Unsaid(int):
    """The default number, distinguished by identity from one that the caller gave."""

    __slots__ = ()


# The signature shows the original's 4; if the argument is omitted, the number of connections adapts.
_FOUR = _Unsaid(4)


def download_and_cache_mlc_weights(
    model_url: str,
    num_processes: int = _FOUR,
    force_redo: Optional[bool] = None,
) -> Path:
    """Returns the directory of a model, downloading it into the cache if necessary.

    Replaces ``mlc_llm.support.download_cache.download_and_cache_mlc_weights``; see :func:`download` for what it
    does, and docs/compat.md for intended differences.

    Args:
        model_url: ``HF://user/repo`` or ``https://huggingface.co/user/repo``.
        num_processes: how many files are fetched at a time, over as many connections. If omitted, the number
            adapts; an explicit 4 means 4.
        force_redo: ``True`` downloads again even if cached, ``False`` never does; ``None`` does so when
            ``MLC_DOWNLOAD_CACHE_POLICY`` is ``REDO``.

    Raises:
        ValueError: a malformed URL, a model that the hub refuses, a wrong digest.
        RuntimeError: the policy forbids a download that is needed.
        OSError: a failure of the network or the disk.
    """
    files = None if num_processes is _FOUR else num_processes
    return download(model_url, num_processes=files, force_redo=force_redo).path


def get_or_download_model(model: str) -> Path:
    """Returns the directory of a model given as a URL or as a local directory.

    Replaces ``mlc_llm.support.download_cache.get_or_download_model``.

    Args:
        model: a URL, as :func:`download_and_cache_mlc_weights` takes it, or a directory with a
            ``mlc-chat-config.json`` in it, which is returned unchanged.

    Raises:
        FileNotFoundError: a local path is not such a directory.
        ValueError, RuntimeError, OSError: as :func:`download_and_cache_mlc_weights`.
    """
    with logged_failure():
        directory = _native.local_directory(model)
    return download_and_cache_mlc_weights(model) if directory is None else directory
