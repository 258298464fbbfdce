"""What `check` finds, as text and as JSON."""

from __future__ import annotations

from typing import Any

from cerebelum.engine.domain.errors_code import excerpt
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.runtime.code.lint.finding import Finding
from cerebelum_cli.checked_files import CheckedFiles, Unloadable
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
