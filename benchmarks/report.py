"""Writes the results as Markdown. What people noted below the last heading stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.engine import ENGINES
from benchmarks.machine import machine, versions
from benchmarks.rounds import FLOORS, OURS_ALONE, Results, applies
from benchmarks.targets import METRICS, PEER_OF, Metric, Verdict, better_by, verdicts

NOTES = "## Notes"
_INTRODUCTION = (
    "Written by `make bench` on {date}: {rounds} interleaved round(s) at size `{size}`. Each figure is the median of the rounds, "
    "each measurement a process of its own on a database of its own, and every result was checked. Client, engine and workers "
    "share one process, on uvloop for every engine. Only ratios within one run count: machines drift."
)
_NONE, _TIMES = "-", "x"
_NO_NOTES = "What limits now, and which target to raise. This section is kept when the results are written again.\n"


def render(results: Results, *, engines: Sequence[str], workloads: Sequence[str], rounds: int, size: str) -> str:
    """Return the whole page but for its notes."""
    judged = [verdict for verdict in verdicts(results.median) if verdict.target.workload in workloads]
    parts = [
        "# Results",
        _INTRODUCTION.format(date=datetime.now(UTC).date(), rounds=rounds, size=size),
        _facts(results),
        "## Measured",
        *_measured(results, engines, workloads),
        "## Against the targets",
        *_against(results, judged),
        "## Missed",
        *_missed(results, judged),
    ]
    return "\n\n".join(parts) + "\n"


def write(path: Path, page: str) -> None:
    """Write the page, and below it the notes that were there."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    notes = old.partition(f"\n{NOTES}\n")[2].strip() or _NO_NOTES
    path.write_text(f"{page}\n{NOTES}\n\n{notes.strip()}\n", encoding="utf-8")


def _facts(results: Results) -> str:
    facts = {**machine(), **versions(results.postgres_version)}
    lines = [f"- {name}: {value}" for name, value in facts.items()]
    for kind, name in FLOORS.items():
        single = results.median(name, "floor", "single_commits_per_s")
        batched = results.median(name, "floor", "batched_rows_per_s")
        if single is not None and batched is not None:
            how = {"sqlite": "`sqlite3`, FULL", "postgres": "asyncpg"}[kind]
            lines.append(
                f"- Floor of {how}: {number(single)} single commits/s, {number(batched)} rows/s in batches of 2,000"
            )
    lines += [f"- {ENGINES[name].label}: {reason}" for name, reason in results.missing.items()]
    return "\n".join(lines)


def _measured(results: Results, engines: Sequence[str], workloads: Sequence[str]) -> Iterator[str]:
    infos = [ENGINES[name] for name in engines]
    rows = [
        ["", "what", *(info.label for info in infos)],
        ["---", "---", *("---:" for _ in infos)],
        ["", "durability", *(info.durability for info in infos)],
    ]
    for metric in METRICS:
        if metric.workload in workloads:
            cells = [_cell(results, name, metric) for name in engines]
            rows.append([metric.workload, f"{metric.text}, {metric.unit}{_counts(results, engines, metric)}", *cells])
    yield table(rows)
    yield "`n/a`: has no meaning there. The memory store keeps nothing: it shows what the engine costs without a disk."


def _counts(results: Results, engines: Sequence[str], metric: Metric) -> str:
    """Return "; 10,000 (DBOS 1,000)": how many it did."""
    counts = {name: results.median(name, metric.workload, "count") for name in engines}
    ours = {count for name, count in counts.items() if count is not None and not ENGINES[name].peer}
    peers = {count for name, count in counts.items() if count is not None and ENGINES[name].peer}
    if not ours and not peers:
        return ""
    text = "; " + number(max(ours or peers))
    return f"{text} (DBOS {number(max(peers))})" if ours and peers - ours else text


def _cell(results: Results, engine: str, metric: Metric) -> str:
    if engine in results.missing:
        return results.missing[engine]
    if (engine, metric.workload) in results.failures:
        return "failed"
    info = ENGINES[engine]
    if not applies(metric.workload, info) or (info.peer and metric.workload in ("W9", *OURS_ALONE)):
        return "n/a"
    if info.kind == "memory" and metric.name == "disk_bytes_each":
        return "n/a"
    return number(results.median(engine, metric.workload, metric.name))


def _against(results: Results, judged: Sequence[Verdict]) -> Iterator[str]:
    rows = [
        ["", "what", "on", "Cerebelum", "spread", "DBOS", "ours is better by", "target", ""],
        ["---", "---", "---", "---:", "---:", "---:", "---:", "---:", "---"],
    ]
    for verdict in judged:
        target, metric = verdict.target, verdict.metric
        peer = results.median(PEER_OF[target.engine], target.workload, target.metric)
        ours = results.median(target.engine, target.workload, target.metric)
        spread, ratio = results.spread(target.engine, target.workload, target.metric), better_by(metric, ours, peer)
        rows.append(
            [
                target.workload,
                f"{metric.text}, {metric.unit}",
                {"sqlite": "SQLite", "postgres": "PostgreSQL", "memory": "memory"}[ENGINES[target.engine].kind],
                number(ours),
                _NONE if spread is None else f"{spread:.2f} {_TIMES}",
                number(peer),
                _NONE if ratio is None or metric.name == "last_to_first" else f"{number(ratio)} {_TIMES}",
                _bound(verdict),
                {True: "met", False: "**missed**", None: "not measured"}[verdict.met],
            ]
        )
    yield table(rows)
    yield "Spread: the largest figure of the rounds over the smallest."


def _bound(verdict: Verdict) -> str:
    if verdict.target.is_ratio:
        return f"≥ {number(verdict.target.bound)} {_TIMES} DBOS"
    return f"{'≥' if verdict.metric.more_is_better else '≤'} {number(verdict.target.bound)}"


def _missed(results: Results, judged: Sequence[Verdict]) -> Iterator[str]:
    lines = []
    for verdict in judged:
        where, what = ENGINES[verdict.target.engine].label, f"{verdict.target.workload}, {verdict.metric.text}"
        if verdict.met is False:
            unit = f"{_TIMES} DBOS" if verdict.target.is_ratio else verdict.metric.unit
            lines.append(f"- {what}, {where}: {number(verdict.value)} {unit}, the target is {_bound(verdict)}.")
        elif verdict.met is None:
            lines.append(f"- {what}, {where}: not measured.")
    for (engine, workload), reason in results.failures.items():
        lines.append(f"- {workload}, {ENGINES[engine].label if engine in ENGINES else engine}: failed: {reason}")
    yield "\n".join(lines) or "Nothing."


def number(value: float | None) -> str:
    """Return a figure with three digits that matter."""
    if value is None:
        return _NONE
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as a Markdown table."""
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
