"""What is measured: the engines by name, and the few calls that every workload is written in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Literal, Protocol

from msgspec import Struct

Kind = Literal["memory", "sqlite", "postgres"]
FlowName = Literal["one_step", "ten_steps", "fan_out", "many_steps", "sleeper", "slow_steps"]
STEPS_EACH = 10  # of ten_steps and slow_steps
SLOW_STEP_S = 0.05
SLEEP_S = 3_600.0


class EngineInfo(Struct, frozen=True):
    """One column of the results."""

    name: str
    label: str
    kind: Kind
    durability: str
    url_options: str = ""
    peer: bool = False


class Engine(Protocol):
    """An engine that is open in this process. Flows take one whole number and are the same on every engine."""

    step_times_s: list[float]  # when each step of `many_steps` ran

    @property
    def slow_steps_done(self) -> int:
        """How many steps of `slow_steps` ended in this process."""
        ...

    async def run_all(self, flow: FlowName, inputs: Sequence[int], *, in_bulk: bool = False) -> list[Any]:
        """Start one execution for each input, all at once, and return their results in order.

        Args:
            in_bulk: by the engine's call for many starts, where it has one.
        """
        ...

    async def start_named(self, flow: FlowName, ids: Sequence[str]) -> None:
        """Start one execution for each id; the input is its place in the list."""
        ...

    async def results_of(self, flow: FlowName, ids: Sequence[str]) -> list[Any]:
        """Return the results of executions that another process began."""
        ...

    async def put_to_sleep(self, count: int) -> None:
        """Start `count` sleepers and return once every sleep is durable."""
        ...

    async def close(self) -> None: ...


_OURS = "Cerebelum"
ENGINES: Mapping[str, EngineInfo] = {
    info.name: info
    for info in (
        EngineInfo("cerebelum-memory", f"{_OURS} memory", "memory", "none"),
        EngineInfo("cerebelum-sqlite", f"{_OURS} SQLite FULL", "sqlite", "WAL, synchronous=FULL (its default)"),
        EngineInfo(
            "cerebelum-sqlite-normal",
            f"{_OURS} SQLite NORMAL",
            "sqlite",
            "WAL, synchronous=NORMAL",
            "?synchronous=NORMAL",
        ),
        EngineInfo("cerebelum-postgres", f"{_OURS} PostgreSQL", "postgres", "fsync=on, synchronous_commit=on"),
        EngineInfo(
            "dbos-sqlite", "DBOS SQLite", "sqlite", "rollback journal, synchronous=FULL (its default)", peer=True
        ),
        EngineInfo(
            "dbos-postgres",
            "DBOS PostgreSQL",
            "postgres",
            "fsync=on, synchronous_commit=on (the same server)",
            peer=True,
        ),
    )
}


def missing_part(info: EngineInfo) -> str | None:
    """Return why the engine cannot be measured here; None if it can."""
    if info.peer and find_spec("dbos") is None:
        return "not installed"
    return None


async def open_engine(name: str, url: str) -> Engine:
    """Open the engine of that name on the database at `url`."""
    if ENGINES[name].peer:
        from benchmarks.dbos_engine import DbosEngine

        return await DbosEngine.open(url)
    from benchmarks.cerebelum_engine import CerebelumEngine

    return await CerebelumEngine.open(url)
