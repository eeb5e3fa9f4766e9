"""Maintaining the cache."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from . import _native
from ._display import ProgressOption, display
from ._work import run

if TYPE_CHECKING:
    from ._results import CachedModel, Pruning, Removal, VerifyReport


class Cache:
    """Manages the models of all tiers. Never uses the network.

    The environment is read when it is created. A model is given by its name in a listing (``user/repo`` or
    ``user/repo@revision``) or by its URL.

    Raises:
        InvalidInputError: an environment variable is unusable.
    """

    def __init__(self) -> None:
        self._environ = dict(os.environ)
        self._native = _native.Cache(self._environ)

    def list(self) -> tuple[CachedModel, ...]:
        """Lists every model in every tier, whole or not, including those that another program put there.

        Raises:
            DiskError: the cache's home cannot be read.
        """
        return self._native.list()

    def verify(self, model: str, *, progress: ProgressOption = None) -> tuple[VerifyReport, ...]:
        """Hashes every file of a model, in every tier that has it. Problems are in the reports, not exceptions.

        To repair the model, download it with ``force_redo=True``, or run
        ``mlc-weights verify --repair``, which fetches only what is damaged.

        Args:
            model: the model.
            progress: as for :func:`download`.

        Raises:
            NotCachedError: no tier has the model.
        """
        job = self._native.verify(model)
        reports: tuple[VerifyReport, ...] = run(job, display(progress, model, self._environ))
        return reports

    def remove(self, model: str) -> Removal:
        """Removes a model from the writable tier, with its unfinished downloads.

        Raises:
            NotCachedError: no tier has the model.
            DiskError: only a read-only tier has it, it is being downloaded, or the system does not allow it.
        """
        return self._native.remove(model)

    def prune(self, *, older_than: float = 0.0, dry_run: bool = False) -> Pruning:
        """Removes what interrupted downloads have left. Touches no model and no running download.

        Args:
            older_than: keeps what was written within this many seconds.
            dry_run: changes nothing, and reports what would be removed.
        """
        return self._native.prune(older_than, dry_run)
