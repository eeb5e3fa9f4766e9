"""MLC-LLM's two functions, with its names, arguments and families of exceptions."""

from pathlib import Path
from typing import Optional

from . import _native
from ._download import download
from ._work import logged_failure


class _Unsaid(int):
    """A number that is the default, and not one that the caller gave: told by identity."""

    __slots__ = ()


# In a signature it reads as the original's 4; left out, the number of connections adapts.
_FOUR = _Unsaid(4)


def download_and_cache_mlc_weights(
    model_url: str,
    num_processes: int = _FOUR,
    force_redo: Optional[bool] = None,
) -> Path:
    """Returns the directory of a model, downloading it into the cache if it is not there.

    In the place of ``mlc_llm.support.download_cache.download_and_cache_mlc_weights``; see :func:`download` for
    what it does, and docs/compat.md for where it differs on purpose.

    Args:
        model_url: ``HF://user/repo`` or ``https://huggingface.co/user/repo``.
        num_processes: how many files are fetched at once, over as many connections. Left out, their number
            adapts; a 4 that is given is 4.
        force_redo: ``True`` downloads again even if cached, ``False`` never does; ``None`` does so when
            ``MLC_DOWNLOAD_CACHE_POLICY`` is ``REDO``.

    Raises:
        ValueError: a malformed URL, a model that the hub does not give, a digest that does not match.
        RuntimeError: the policy forbids the download that would be needed.
        OSError: the network, the disk.
    """
    files = None if num_processes is _FOUR else num_processes
    return download(model_url, num_processes=files, force_redo=force_redo).path


def get_or_download_model(model: str) -> Path:
    """Returns the directory of a model that is given as a URL or as a local directory.

    In the place of ``mlc_llm.support.download_cache.get_or_download_model``.

    Args:
        model: a URL, as :func:`download_and_cache_mlc_weights` takes it, or a directory with a
            ``mlc-chat-config.json`` in it, which is returned as it was given.

    Raises:
        FileNotFoundError: a local path that is no such directory.
        ValueError, RuntimeError, OSError: as :func:`download_and_cache_mlc_weights`.
    """
    with logged_failure():
        directory = _native.local_directory(model)
    return download_and_cache_mlc_weights(model) if directory is None else directory
