"""Looking after the cache."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from . import _native
from ._display import ProgressOption, display
from ._work import run

if TYPE_CHECKING:
    from ._results import CachedModel, Pruning, Removal, VerifyReport


class Cache:
    """The models of all tiers, as a thing to look after. Never uses the network.

    The environment's settings are those when it is made. A model is named as a listing names it (``user/repo`` or
    ``user/repo@revision``) or by its URL.

    Raises:
        InvalidInputError: an environment variable that cannot be used.
    """

    def __init__(self) -> None:
        self._environ = dict(os.environ)
        self._native = _native.Cache(self._environ)

    def list(self) -> tuple[CachedModel, ...]:
        """Every model of every tier, also those that another program put there, whole or not.

        Raises:
            DiskError: the cache's home cannot be read.
        """
        return self._native.list()

    def verify(self, model: str, *, progress: ProgressOption = None) -> tuple[VerifyReport, ...]:
        """Hashes every file of a model, in every tier that has it. What is wrong is in the reports, and no exception.

        To get right what was found, download the model with ``force_redo=True``, or run
        ``mlc-weights verify --repair``, which fetches only what is damaged.

        Args:
            model: the model.
            progress: as :func:`download` takes it.

        Raises:
            NotCachedError: no tier has the model.
        """
        job = self._native.verify(model)
        reports: tuple[VerifyReport, ...] = run(job, display(progress, model, self._environ))
        return reports

    def remove(self, model: str) -> Removal:
        """Removes a model from the writable tier, and what unfinished downloads of it have left.

        Raises:
            NotCachedError: no tier has the model.
            DiskError: only a read-only tier has it, it is being downloaded, or the system does not allow it.
        """
        return self._native.remove(model)

    def prune(self, *, older_than: float = 0.0, dry_run: bool = False) -> Pruning:
        """Removes what interrupted downloads have left. No model is touched, nor a download that is under way.

        Args:
            older_than: spares what was written to within so many seconds.
            dry_run: changes nothing, and says what would be removed.
        """
        return self._native.prune(older_than, dry_run)
