"""What `check` finds, as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cerebelum.engine.application.history_checks import HistoryCheck
from cerebelum.engine.domain.errors_code import excerpt
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.runtime.code.lint.finding import Finding
from cerebelum_cli.checked_files import CheckedFiles, Unloadable
from cerebelum_cli.replay_text import source_line
from cerebelum_cli.streams import out


def print_finding(finding: Finding) -> None:
    """Print a finding: where, what, the line, why, what to do."""
    width = finding.end_column - finding.column if finding.end_line == finding.line else len(finding.source)
    shown = excerpt(
        finding.line, finding.source, caret_column=finding.column - 1,
        caret_width=max(1, min(width, len(finding.source) - finding.column + 1)),
    )  # fmt: skip
    place = f"{finding.path}:{finding.line}:{finding.column}"
    where = f"  in workflow {finding.workflow}" if finding.workflow else ""
    out(visible(f"{place}: {finding.level}[{finding.code}]: {finding.what}{where}"))
    out(visible(shown))
    out(visible(f"  why: {finding.why}\n  fix: {finding.fix}"))


def print_unloadable(file: Unloadable) -> None:
    """Print why a file is no flow."""
    out(visible(f"error[{file.code}]: {file.message}"))


def print_history(check: HistoryCheck, file: str) -> None:
    """Print why an execution could not go on: both lines, and what to do.

    Args:
        file: that declares its workflow.
    """
    code = f"@{check.after[:4]}, {file}"
    if check.verdict == "fails":
        out(visible(f"error[{check.code}]: {check.execution_id} cannot be replayed on the code on disk ({code})"))
        out(visible(f"  {check.problem}"))
        return
    out(visible(f"error[{check.code}]: {check.execution_id} ({_of(check)}) diverges at event {check.version} ({code})"))
    out(visible(f"  recorded  {check.recorded:<40} {check.recorded_line}".rstrip()))
    out(visible(f"  now       {check.now:<40} {check.now_line}".rstrip()))
    name, _, number = check.now_line.partition(" ")[0].rpartition(":")
    if Path(file).name == name and number.isdecimal() and (line := source_line(file, int(number), {})):
        out(visible(excerpt(int(number), line)))
    if check.code == "CB401":
        out('  fix: guard the change with `if patched("..."):`, or let the execution finish on the code it began with')
    out(f"  see: cerebelum replay {check.execution_id} --code {file} --check")


def told(histories: Sequence[HistoryCheck], skipped: Mapping[str, int]) -> list[str]:
    """Return what became of the executions, in a few lines."""
    verdicts: Counter[str] = Counter(check.verdict for check in histories)
    words = {
        "fits": "fit",
        "moves": "would move to this code",
        "diverges": "would diverge",
        "fails": "cannot be replayed",
    }
    found = [f"{verdicts[verdict]} {said}" for verdict, said in words.items() if verdicts[verdict]]
    lines = [
        f"{_number(len(histories), 'execution')} replayed: {', '.join(found)}" if found else "no executions to replay"
    ]
    lines += [
        f"  left out: {_number(count, 'execution')} of workflow {workflow!r}, which no file here declares, or none that loads"
        for workflow, count in sorted(skipped.items())
    ]
    return lines


def of_history(check: HistoryCheck, file: str) -> dict[str, Any]:
    """Return an execution's check as JSON."""
    parted = check.verdict == "diverges"
    return {
        "schema": "cerebelum.history_check/1",
        "execution_id": check.execution_id,
        "workflow": check.workflow,
        "path": file,
        "status": check.status,
        "verdict": check.verdict,
        "code": check.code or None,
        "recorded_code": check.before,
        "code_on_disk": check.after,
        "events": check.events,
        "diverged_at": check.version if parted else None,
        "recorded": check.recorded if parted else None,
        "recorded_line": check.recorded_line or None,
        "now": check.now if parted else None,
        "now_line": check.now_line or None,
        "problem": check.problem or None,
    }


def _of(check: HistoryCheck) -> str:
    return f"{check.workflow}@{check.before[:4]}, {check.status}" if check.before else check.status


def of_finding(finding: Finding) -> dict[str, Any]:
    """Return a finding as JSON."""
    return {
        "schema": "cerebelum.finding/1",
        "code": finding.code,
        "name": finding.name,
        "level": finding.level,
        "path": finding.path,
        "line": finding.line,
        "column": finding.column,
        "end_line": finding.end_line,
        "end_column": finding.end_column,
        "workflow": finding.workflow or None,
        "message": finding.what,
        "why": finding.why,
        "fix": finding.fix,
        "source": finding.source,
    }


def of_unloadable(file: Unloadable) -> dict[str, Any]:
    """Return a file that is no flow as JSON."""
    return {"schema": "cerebelum.unloadable/1", "path": file.path, "code": file.code, "message": file.message}


def counted(checked: CheckedFiles) -> str:
    """Return what the linter looked at and found, in one line."""
    levels = [finding.level for finding in checked.findings]
    found = [_number(levels.count(level), level) for level in ("error", "warning", "note") if level in levels]
    looked = f"{_number(checked.workflows, 'workflow')} in {_number(checked.files, 'file')}"
    return f"{looked}: {', '.join(found) or 'nothing found'}"


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
