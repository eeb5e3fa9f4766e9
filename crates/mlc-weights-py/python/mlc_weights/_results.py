"""The results of the functions. All can be pickled; sizes are in bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True)
class Model:
    """A whole model in a directory. It can be used as a path (``os.PathLike``).

    Attributes:
        path: the directory, absolute.
        commit: its commit; ``None`` if unknown, for instance because another program put it there.
        read_only: whether it is in a tier of ``MLC_LLM_READONLY_WEIGHT_CACHE``.
        cached: whether it was in the cache already.
        bytes_received: how many bytes of its files this call received over the network; 0 if it was cached.
    """

    path: Path
    commit: str | None
    read_only: bool
    cached: bool
    bytes_received: int

    def __fspath__(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class Progress:
    """The progress of a download or a verification.

    Attributes:
        files_done: the number of verified files.
        files: the number of all files.
        bytes_done: the bytes that exist of all files, including those from an earlier, interrupted download.
        bytes: the total size. It may still grow while a download begins.
    """

    files_done: int
    files: int
    bytes_done: int
    bytes: int


@dataclass(frozen=True)
class PlannedFile:
    """A file of a :class:`Plan`.

    Attributes:
        path: its path in the model, with ``/``.
        size: its size.
        bytes_to_fetch: how many bytes of it would be received over the network.
        origin: where it would come from: ``"network"``, ``"metadata"`` (fetched first and small),
            ``"staging"`` (an interrupted download), ``"replaced"`` (the directory that would be replaced) or
            ``"other_model"`` (another model of the cache).
    """

    path: str
    size: int
    bytes_to_fetch: int
    origin: str


@dataclass(frozen=True)
class Plan:
    """What a download would do.

    Attributes:
        path: the directory that the model has or would have.
        commit: its commit, or the hub's current one.
        cached: whether it is in the cache, so that nothing would be fetched and ``files`` is empty.
        files: every file that the directory would contain.
        free_bytes: the free space on the cache's disk, if the system reports it.
    """

    path: Path
    commit: str | None
    cached: bool
    files: tuple[PlannedFile, ...]
    free_bytes: int | None

    @property
    def size(self) -> int:
        """The size of all files."""
        return sum(file.size for file in self.files)

    @property
    def bytes_to_fetch(self) -> int:
        """How many bytes would be received over the network, apart from the metadata."""
        return sum(file.bytes_to_fetch for file in self.files)


@dataclass(frozen=True)
class CachedModel:
    """A model in one tier of the cache, whole or not.

    Attributes:
        model: its name, ``user/repo`` or ``user/repo@revision``.
        path: its directory.
        commit: the commit that it was downloaded from, if known.
        read_only: whether the tier is never written to.
        files: the number of its files.
        size: their total size.
        date: when its download was published (UTC); without a receipt of it, when the directory was last modified.
        missing: what it lacks, one line for each file.
    """

    model: str
    path: Path
    commit: str | None
    read_only: bool
    files: int
    size: int
    date: datetime | None
    missing: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether every file exists with the right size. Nothing was hashed; see :meth:`Cache.verify`."""
        return not self.missing


@dataclass(frozen=True)
class FileReport:
    """A file of a :class:`VerifyReport`.

    Attributes:
        path: its path in the model, with ``/``.
        state: ``"ok"``, ``"corrupt"``, ``"missing"``, ``"modified"`` (edited, and valid), ``"unchecked"`` (its
            content is recorded nowhere) or ``"extra"`` (it does not belong to the model).
        detail: what is wrong with a corrupt file, or why one could not be checked; otherwise empty.
    """

    path: str
    state: str
    detail: str


@dataclass(frozen=True)
class VerifyReport:
    """How one copy of a model compares with what it should be.

    Attributes:
        model: its name.
        path: its directory.
        read_only: whether its tier is never written to.
        basis: what it was compared with: ``"receipt"`` (of its download), ``"manifest"`` (in the directory, which
            only covers the shards) or ``"nothing"``.
        commit: the receipt's commit.
        files: every file that the copy has or should have.
        bytes_hashed: how many bytes were read and hashed.
    """

    model: str
    path: Path
    read_only: bool
    basis: str
    commit: str | None
    files: tuple[FileReport, ...]
    bytes_hashed: int

    @property
    def sound(self) -> bool:
        """Whether no file is corrupt or missing."""
        return not any(file.state in ("corrupt", "missing") for file in self.files)


@dataclass(frozen=True)
class Removal:
    """The result of :meth:`Cache.remove`.

    Attributes:
        model: the model's name.
        path: its place in the writable tier.
        bytes: the disk space that was freed.
        kept: copies in read-only tiers, which stay.
        leftover: why some obsolete files could not be deleted, if so. The model is gone nevertheless.
    """

    model: str
    path: Path
    bytes: int
    kept: tuple[Path, ...]
    leftover: str | None


@dataclass(frozen=True)
class PrunedModel:
    """What :meth:`Cache.prune` did, or would do, to the unfinished downloads of one model.

    Attributes:
        model: its name.
        removed_bytes: how much was removed.
        kept_bytes: how much stays, because it is in use or too recent.
        in_use: whether a download of the model is running.
        failure: why not all of it could be removed.
    """

    model: str
    removed_bytes: int
    kept_bytes: int
    in_use: bool
    failure: str | None


@dataclass(frozen=True)
class Pruning:
    """The result of :meth:`Cache.prune`.

    Attributes:
        models: every model with remains of unfinished downloads.
        removed_bytes: how much was removed in all.
        kept_bytes: how much stays.
        failures: failures of the search itself.
    """

    models: tuple[PrunedModel, ...]
    removed_bytes: int
    kept_bytes: int
    failures: tuple[str, ...]
