"""What the functions return. All of it can be pickled; sizes are in bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True)
class Model:
    """A model that is whole, in a directory. It serves as a path wherever Python takes one.

    Attributes:
        path: the directory, absolute.
        commit: the commit that it is of; ``None`` when another program put it there and nothing says so.
        read_only: whether it is in a tier of ``MLC_LLM_READONLY_WEIGHT_CACHE``.
        cached: whether it was there already.
        bytes_received: how many bytes of its files came over the network now; 0 when it was cached.
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
    """How far a download or a verification is.

    Attributes:
        files_done: files that are verified.
        files: all files.
        bytes_done: bytes that are there, of all files, also from an earlier, interrupted download.
        bytes: the size of all files. It may still grow while a download begins.
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
        bytes_to_fetch: how many bytes of it would come over the network.
        origin: where it would come from: ``"network"``, ``"metadata"`` (which comes first and is small),
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
        commit: the commit that it is of, or that the hub has now.
        cached: whether it is there, so that nothing would be fetched and ``files`` is empty.
        files: every file that the directory would hold.
        free_bytes: how much space is free on the disk of the cache, where the system tells.
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
        """How many bytes would come over the network, apart from the metadata."""
        return sum(file.bytes_to_fetch for file in self.files)


@dataclass(frozen=True)
class CachedModel:
    """A model in one tier of the cache, whole or not.

    Attributes:
        model: its name, ``user/repo`` or ``user/repo@revision``.
        path: its directory.
        commit: the commit that it was downloaded from, when that is known.
        read_only: whether the tier is never written to.
        files: how many files it has.
        size: their size.
        date: when it was downloaded, else when the directory was last changed.
        missing: what it needs and does not have, a line for each file.
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
        """Whether every file is there with its size. Nothing was hashed; see :meth:`Cache.verify`."""
        return not self.missing


@dataclass(frozen=True)
class FileReport:
    """A file of a :class:`VerifyReport`.

    Attributes:
        path: its path in the model, with ``/``.
        state: ``"ok"``, ``"corrupt"``, ``"missing"``, ``"modified"`` (edited, and valid), ``"unchecked"`` (nothing
            says what it must be) or ``"extra"`` (the model does not have it).
        detail: what is wrong with a corrupt file, or why one could not be checked; else empty.
    """

    path: str
    state: str
    detail: str


@dataclass(frozen=True)
class VerifyReport:
    """How one copy of a model compares with what it must be.

    Attributes:
        model: its name.
        path: its directory.
        read_only: whether its tier is never written to.
        basis: what it was compared with: ``"receipt"`` (of its download), ``"manifest"`` (in the directory, which
            knows the shards alone) or ``"nothing"``.
        commit: the commit that the receipt names.
        files: every file that the copy must have or has.
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
        """Whether nothing is corrupt or missing."""
        return not any(file.state in ("corrupt", "missing") for file in self.files)


@dataclass(frozen=True)
class Removal:
    """What :meth:`Cache.remove` did.

    Attributes:
        model: the model's name.
        path: its place in the writable tier.
        bytes: how much disk is free again.
        kept: the copies that read-only tiers have, and keep.
        leftover: why files that are of no use any more could not be deleted, if that is so. The model is gone.
    """

    model: str
    path: Path
    bytes: int
    kept: tuple[Path, ...]
    leftover: str | None


@dataclass(frozen=True)
class PrunedModel:
    """What :meth:`Cache.prune` did to the unfinished downloads of one model, or would do.

    Attributes:
        model: its name.
        removed_bytes: how much was removed.
        kept_bytes: how much stays, since it is in use or too young.
        in_use: whether a download of the model is under way.
        failure: why not everything could be removed.
    """

    model: str
    removed_bytes: int
    kept_bytes: int
    in_use: bool
    failure: str | None


@dataclass(frozen=True)
class Pruning:
    """What :meth:`Cache.prune` did, or would do.

    Attributes:
        models: every model that unfinished downloads have left something of.
        removed_bytes: how much was removed in all.
        kept_bytes: how much stays.
        failures: what kept it from looking everywhere.
    """

    models: tuple[PrunedModel, ...]
    removed_bytes: int
    kept_bytes: int
    failures: tuple[str, ...]
