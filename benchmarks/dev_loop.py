"""D1 to D3: the dev loop. `cerebelum dev` until it is ready, and from a saved edit until it is live; uvicorn beside it."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.dev_flows import application, open_order, pulse
from benchmarks.edited_processes import PATIENCE_S, DevProcess, UvicornProcess, has_uvicorn, new_folder, save
from benchmarks.sizes import Sizes
from benchmarks.start_up import ROOT, bare_ms
from benchmarks.workloads import Metrics, check, percentile
from cerebelum.engine.domain.execution import OPEN, ExecutionRow

_PROJECT = ROOT / "cerebelum" / "templates" / "basic"
_STORE = ".cerebelum/dev.db"
_QUIET_S = (
    0.7  # between two edits: people take longer, and uvicorn looks at none for 0.25 s, twice, after it began anew
)
_LOOK_S = 0.005


def d1_ready(folder: Path, sizes: Sizes) -> Metrics:
    """From the start of the process: `cerebelum dev` in the basic project to its ready line, uvicorn to its first answer."""
    project = folder / "project"
    shutil.copytree(_PROJECT, project, ignore=shutil.ignore_patterns("__pycache__"))
    served = new_folder(folder / "served", {"app.py": application(0)})
    first_ms = _ready_ms(project)
    times_ms: dict[str, list[float]] = {"bare": [], "ready": [], "uvicorn": []}
    for _ in range(sizes.dev_starts):
        times_ms["bare"].append(bare_ms(folder))
        times_ms["ready"].append(_ready_ms(project))
        if has_uvicorn():
            times_ms["uvicorn"].append(_answering_ms(served))
    medians_ms = {name: statistics.median(times) for name, times in times_ms.items() if times}
    bare = medians_ms.pop("bare")
    over = {f"{name}_over_bare_ms": taken_ms - bare for name, taken_ms in medians_ms.items()}
    return {"count": sizes.dev_starts, "bare_ms": bare, **over, "first_ready_ms": first_ms}


def d2_edit_to_live(folder: Path, sizes: Sizes) -> Metrics:
    """From the save of a flow until an execution runs on it, and of an ASGI application until a request meets it."""
    metrics = _edits_of_a_flow(folder, sizes.dev_edits)
    if has_uvicorn():
        times_ms = _edits_of_an_application(folder, sizes.dev_edits)
        metrics |= {"uvicorn_p50_ms": percentile(times_ms, 50), "uvicorn_p95_ms": percentile(times_ms, 95)}
    return {"count": sizes.dev_edits, **metrics}


def d3_reload_open(folder: Path, sizes: Sizes) -> Metrics:
    """From the save of a flow until the verdicts on all its open executions are read, where all fit and where none does.

    Of ten executions four sleep, and are not in memory; four wait for a signal, and are; two are in a step.
    """
    project = new_folder(folder / "project", {"flow.py": open_order(0, fits=True)})
    kinds = [("sleeping", "sleeping", "waiting", "waiting", "step")[index % 5] for index in range(sizes.dev_open)]
    told_ms: dict[str, list[float]] = {"moved": [], "kept": []}
    inside_ms: dict[str, list[float]] = {"moved": [], "kept": []}
    with DevProcess(project) as dev:
        dev.said("ready")
        asyncio.run(_begin(project, kinds))
        for marker in range(1, 2 * sizes.dev_reloads + 1):
            fits = marker % 2 == 1
            outcome = "moved" if fits else "kept"
            begun_ns = save(project / "flow.py", open_order(marker, fits=fits))
            said = dev.said("reloaded")
            found = Counter(verdict["outcome"] for verdict in said.facts["verdicts"])
            check([dict(found), said.facts["unchecked"]], [{outcome: sizes.dev_open}, 0])
            told_ms[outcome].append((said.at_ns - begun_ns) / 1e6)
            inside_ms[outcome].append(said.facts["duration_ms"])
            asyncio.run(_settled(project, kinds, said.facts["version"] if fits else None))
    return {
        "count": sizes.dev_open,
        "moved_ms": statistics.median(told_ms["moved"]),
        "moved_inside_ms": statistics.median(inside_ms["moved"]),
        "kept_ms": statistics.median(told_ms["kept"]),
        "kept_inside_ms": statistics.median(inside_ms["kept"]),
    }


WORKLOADS: Mapping[str, Callable[[Path, Sizes], Metrics]] = {
    "D1": d1_ready,
    "D2": d2_edit_to_live,
    "D3": d3_reload_open,
}


def _ready_ms(project: Path) -> float:
    with DevProcess(project) as dev:
        return (dev.said("ready").at_ns - dev.begun_ns) / 1e6


def _answering_ms(folder: Path) -> float:
    with UvicornProcess(folder) as server:
        return (server.answered(0) - server.begun_ns) / 1e6


def _edits_of_a_flow(folder: Path, edits: int) -> Metrics:
    stamps = folder / "stamps"
    project = new_folder(folder / "project", {"flow.py": pulse(0, stamps)})
    live_ms, inside_ms = [], []
    with DevProcess(project) as dev:
        dev.said("ready")
        asyncio.run(_start(project, "pulse", [{}]))
        _stamped_ns(dev, stamps, 0)
        for marker in range(1, edits + 1):
            time.sleep(_QUIET_S)
            begun_ns = save(project / "flow.py", pulse(marker, stamps))
            said = dev.said("reloaded")
            inside_ms.append(said.facts["duration_ms"])
            live_ms.append((_stamped_ns(dev, stamps, marker) - begun_ns) / 1e6)
    return {
        "live_p50_ms": percentile(live_ms, 50),
        "live_p95_ms": percentile(live_ms, 95),
        "inside_p50_ms": percentile(inside_ms, 50),
        "inside_p95_ms": percentile(inside_ms, 95),
    }


def _edits_of_an_application(folder: Path, edits: int) -> list[float]:
    served = new_folder(folder / "served", {"app.py": application(0)})
    times_ms = []
    with UvicornProcess(served) as server:
        server.answered(0)
        server.takes_up(served / "app.py", application(1), 1)
        for marker in range(2, edits + 2):
            time.sleep(_QUIET_S)
            begun_ns = save(served / "app.py", application(marker))
            times_ms.append((server.answered(marker) - begun_ns) / 1e6)
    return times_ms


def _stamped_ns(dev: DevProcess, stamps: Path, marker: int) -> int:
    """Wait until an execution has run on the code of this marker, and return when the first one did."""
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:
        for line in stamps.read_text(encoding="utf-8").splitlines() if stamps.exists() else ():
            noted, _, at_ns = line.partition(" ")
            if noted == str(marker) and at_ns:
                return int(at_ns)
        time.sleep(_LOOK_S)
    raise dev.trouble(f"no execution ran on the code of edit {marker}")


async def _start(project: Path, workflow: str, inputs: Sequence[dict[str, Any]]) -> None:
    """Have the running `cerebelum dev` run executions, as another process does."""
    from cerebelum.connect import connect

    async with connect(f"sqlite:///{project / _STORE}", node=False) as client:
        await asyncio.gather(*(client.start(workflow, **arguments) for arguments in inputs))


async def _begin(project: Path, kinds: Sequence[str]) -> None:
    await _start(project, "order", [{"kind": kind, "id": f"{kind}-{number}"} for number, kind in enumerate(kinds)])
    await _settled(project, kinds, None)


async def _settled(project: Path, kinds: Sequence[str], code: str | None) -> None:
    """Wait until all are where their kind says, the sleepers out of memory, and all on `code`, if it is given.

    Raises:
        AssertionError: they do not get there.
    """
    from cerebelum.connect import open_store
    from cerebelum.engine.ports.store import ExecutionFilter

    wanted, found = Counter(kinds), Counter[str]()
    store = open_store(f"sqlite:///{project / _STORE}", read_only=True)
    await store.open()
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                rows = await store.list_executions(ExecutionFilter(workflow="order", statuses=OPEN, limit=10_000))
                found = Counter(_kind(row) for row in rows if code in (None, row.code) and _is_in_place(row))
                if found == wanted:
                    return
                await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        raise AssertionError(f"of {dict(wanted)} executions these are in place: {dict(found)}") from None
    finally:
        await store.close()


def _kind(row: ExecutionRow) -> str:
    return row.id.partition("-")[0]


def _is_in_place(row: ExecutionRow) -> bool:
    if _kind(row) == "step":
        return row.status == "running"
    return row.status == "waiting" and not (_kind(row) == "sleeping" and row.owner)
