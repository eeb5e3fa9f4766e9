"""Downloading models."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from . import _native
from ._display import Display, ProgressOption, display
from ._work import logged_failure, logger, run, run_async, tell

if TYPE_CHECKING:
    from ._results import Model, Plan


def download(
    model_url: str,
    *,
    num_processes: int | None = None,
    force_redo: bool | None = None,
    revision: str | None = None,
    progress: ProgressOption = None,
) -> Model:
    """Returns a model, downloading it into the cache if necessary.

    A cached model needs no request. A download is verified byte by byte and appears in one step. If it is
    interrupted, the cache is unchanged, and the next call continues from there. The environment is read at the call.
    Other Python threads run meanwhile, and Ctrl-C raises ``KeyboardInterrupt`` within 200 ms.

    Args:
        model_url: ``HF://user/repo`` or ``https://huggingface.co/user/repo``, each optionally with ``@revision``.
        num_processes: how many files are fetched at a time, at least 1. With ``None`` the number adapts to the line.
        force_redo: ``True`` downloads again even if cached, ``False`` never does; ``None`` does so when
            ``MLC_DOWNLOAD_CACHE_POLICY`` is ``REDO``.
        revision: a branch, tag or commit, instead of the URL's or the default branch.
        progress: a function that is called with a :class:`Progress` on this thread, up to twenty times a second;
            ``False`` for nothing; by default a tqdm bar, if tqdm is installed and
            ``HF_HUB_DISABLE_PROGRESS_BARS`` does not forbid it.

    Raises:
        InvalidInputError: an argument or a setting is unusable.
        NotCachedError: the policy, or offline mode, forbids a download that is needed.
        RefusedError: the hub refuses, the model does not exist, or it is not an MLC model.
        IntegrityError: the content received is wrong.
        NetworkError: the hub or the data host could not be reached, after retries.
        DiskError: no space, or no permission.
    """
    with logged_failure():
        environ = dict(os.environ)
        request = _request(environ, model_url, num_processes, force_redo, revision)
        model = request.cached()
        tell(request.news)
        if model is None:
            model = run(request.download(), display(progress, model_url, environ))
        return model


async def download_async(
    model_url: str,
    *,
    num_processes: int | None = None,
    force_redo: bool | None = None,
    revision: str | None = None,
    progress: ProgressOption = None,
) -> Model:
    """:func:`download` for asyncio. Any number may run at once; nothing blocks the loop.

    Cancelling the task stops the download, and the next call continues from there.
    """
    with logged_failure():
        environ = dict(os.environ)
        request = _request(environ, model_url, num_processes, force_redo, revision)
        model: Model = await run_async(request.download(), display(progress, model_url, environ))
        return model


def cached(model_url: str, *, revision: str | None = None) -> Model | None:
    """Returns a model if it is in the cache and whole, whatever the policy. Never uses the network.

    Args:
        model_url: as :func:`download` takes it.
        revision: as :func:`download` takes it.

    Raises:
        InvalidInputError: an argument or a setting is unusable.
        DiskError: the cache cannot be read.
    """
    request = _native.Request(dict(os.environ), model_url, revision=revision, look_only=True)
    model = request.cached()
    tell(request.news)
    return model


def plan(model_url: str, *, force_redo: bool | None = None, revision: str | None = None) -> Plan:
    """Returns what :func:`download` would do. Asks the hub for the metadata; nothing appears in the cache.

    Raises:
        MlcWeightsError: as :func:`download`, up to the first file.
    """
    with logged_failure():
        request = _request(dict(os.environ), model_url, None, force_redo, revision)
        planned: Plan = run(request.plan(), Display())
        return planned


def _request(
    environ: dict[str, str],
    model_url: str,
    num_processes: int | None,
    force_redo: bool | None,
    revision: str | None,
) -> _native.Request:
    request = _native.Request(environ, model_url, num_processes=num_processes, force_redo=force_redo, revision=revision)
    logger.info("MLC_DOWNLOAD_CACHE_POLICY = %s. Can be one of: ON, OFF, REDO, READONLY", request.policy)
    return request
