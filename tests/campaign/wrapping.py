"""Stores seen through another: they watch or disturb a real one."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

from cerebelum.engine.domain.errors_store import CommitInDoubt, StoreError
from cerebelum.engine.ports.store import Batch, Committed, Store


class Wrapping:
    """Hands everything on to a real store. Give `store` to an engine."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    @property
    def store(self) -> Store:
        """Itself, as the type that it stands in for."""
        return cast("Store", self)


class Counting(Wrapping):
    """Counts the calls, and what was in the commits."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.calls: Counter[str] = Counter()
        self.event_count = 0

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.inner, name)
        if callable(value):
            self.calls[name] += 1
        return value

    async def commit(self, batch: Batch) -> Committed:
        self.calls["commit"] += 1
        self.event_count += sum(len(append.events) for append in batch.appends)
        return await self.inner.commit(batch)


class Recording(Wrapping):
    """Remembers who appended which versions, and who was fenced.

    Args:
        appended: (execution id, last version, epoch, owner) of each append that went through; may be shared.
    """

    def __init__(self, inner: Store, appended: list[tuple[str, int, int, str]]) -> None:
        super().__init__(inner)
        self.appended = appended
        self.fenced: list[str] = []

    async def commit(self, batch: Batch) -> Committed:
        committed = await self.inner.commit(batch)
        self.fenced.extend(committed.fenced)
        self.appended.extend(
            (append.row.id, append.row.last_version, append.epoch, append.owner)
            for append in batch.appends
            if append.row.id not in committed.fenced and append.events
        )
        return committed


def ownership(appended: list[tuple[str, int, int, str]]) -> list[str]:
    """Return violations of I4 (epochs never fall along versions) and I5 (one owner for each execution and epoch)."""
    found = []
    owners: dict[tuple[str, int], set[str]] = {}
    epochs: dict[str, list[tuple[int, int]]] = {}
    for execution_id, version, epoch, owner in appended:
        owners.setdefault((execution_id, epoch), set()).add(owner)
        epochs.setdefault(execution_id, []).append((version, epoch))
    found += [f"I5: {key} was written by {names}" for key, names in owners.items() if len(names) > 1]
    for execution_id, pairs in epochs.items():
        along = [epoch for _, epoch in sorted(pairs)]
        if along != sorted(along):
            found.append(f"I4: epochs of {execution_id} along its versions: {along}")
    return found


class Refusing(Wrapping):
    """Refuses to commit while `error` is set."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.error: StoreError | None = None
        self.refused_count = 0

    async def commit(self, batch: Batch) -> Committed:
        if self.error is not None:
            self.refused_count += 1
            raise self.error
        return await self.inner.commit(batch)


class Doubtful(Wrapping):
    """Answers the next commit after `arm` with an error that does not tell what happened.

    `arm("landed")`: it is there; `arm("lost")`: it is not; `arm("late")`: it gets there before the one after it.
    """

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self._fate: str | None = None
        self._late: Batch | None = None
        self.doubt_count = 0

    def arm(self, fate: str) -> None:
        self._fate = fate

    async def commit(self, batch: Batch) -> Committed:
        fate, self._fate = self._fate, None
        if fate is not None:
            self.doubt_count += 1
            if fate == "landed":
                await self.inner.commit(batch)
            elif fate == "late":
                self._late = batch
            raise CommitInDoubt(f"{self.inner.name}: the connection was lost while COMMIT was under way")
        late, self._late = self._late, None
        if late is not None:
            await self.inner.commit(late)
        return await self.inner.commit(batch)
