"""Errors of the store, in the engine's words: adapters translate their driver's errors into these."""

from __future__ import annotations

from cerebelum.engine.domain.errors import CerebelumError


class StoreError(CerebelumError):
    """The store could not do what was asked. Nothing was written, unless a subclass says otherwise."""

    code = "CB701"
    exit_code = 6


class StoreUnreachable(StoreError):
    """The store's file or server cannot be opened."""

    code = "CB702"


class StoreLocked(StoreError):
    """Another process held the write lock for longer than we wait."""

    code = "CB703"


class StoreReadOnly(StoreError):
    """The store's file or server takes no writes."""

    code = "CB704"


class StoreFull(StoreError):
    """The disk under the store is full; what was acknowledged is kept, what was not is not written."""

    code = "CB705"


class StoreCorrupt(StoreError):
    """The file is not a Cerebelum store, or is damaged."""

    code = "CB706"


class SchemaTooNew(StoreError):
    """A newer Cerebelum made this store."""

    code = "CB707"


class SchemaTooOld(StoreError):
    """The store's schema has yet to be upgraded."""

    code = "CB708"


class StoreUnsupported(StoreError):
    """A URL, file system or version that cannot carry the promise of durability."""

    code = "CB709"


class CommitInDoubt(StoreError):
    """COMMIT was sent and no answer came: the batch may or may not be there. Never retry it blindly."""

    code = "CB710"
