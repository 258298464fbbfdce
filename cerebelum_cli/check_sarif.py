"""What `check` finds as SARIF 2.1.0, which code hosts show beside the lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cerebelum
from cerebelum.engine.application.history_checks import HistoryCheck
from cerebelum.engine.runtime.code.lint.finding import RULES, Finding
from cerebelum_cli.checked_files import Unloadable

_OTHERS = {
    "CB401": ("replay-diverged", "error", "an execution asks for something else than its history records"),
    "CB402": ("replay-differs", "error", "an execution comes to another end than its history records"),
    "CB503": ("activation-blocked", "error", "workflow code runs on without an await"),
    "": ("not-checked", "error", "a flow cannot be loaded, or an execution not replayed"),
}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(
    findings: Iterable[Finding],
    unloadable: Iterable[Unloadable],
    histories: Iterable[HistoryCheck] = (),
    files: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return a SARIF log of one run.

    Args:
        histories: of which those that could not go on are results.
        files: workflow -> its file.
    """
    diverging = (_of_history(check, (files or {})[check.workflow]) for check in histories if not check.goes_on)
    results = [*map(_of_finding, findings), *map(_of_unloadable, unloadable), *diverging]
    rules = [_rule(rule.code, rule.name, rule.level, rule.why, rule.fix) for rule in RULES.values()]
    known = {rule["id"] for rule in rules}
    others = sorted({result["ruleId"] for result in results} - known)
    rules += [_rule(code, *_OTHERS.get(code, _OTHERS[""]), f"cerebelum explain {code}") for code in others]
    index = {rule["id"]: number for number, rule in enumerate(rules)}
    for result in results:
        result["ruleIndex"] = index[result["ruleId"]]
    driver = {"name": "cerebelum", "version": cerebelum.__version__, "rules": rules}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}],
    }


def _result(code: str, level: str, text: str, path: str, region: dict[str, int] | None = None) -> dict[str, Any]:
    """Return one result at a place in a file."""
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(Path(path).as_posix())}}
    if region is not None:
        place["region"] = region
    return {
        "ruleId": code,
        "level": level,
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
    }


def _of_finding(finding: Finding) -> dict[str, Any]:
    region = {
        "startLine": finding.line,
        "startColumn": finding.column,
        "endLine": finding.end_line,
        "endColumn": finding.end_column,
    }
    text = f"{finding.what}: {finding.why}. Fix: {finding.fix}."
    return _result(finding.code, finding.level, text, finding.path, region)


def _of_unloadable(file: Unloadable) -> dict[str, Any]:
    return _result(file.code, "error", file.message, file.path)


def _of_history(check: HistoryCheck, file: str) -> dict[str, Any]:
    name, _, number = check.now_line.partition(" ")[0].rpartition(":")
    region = {"startLine": int(number)} if name == Path(file).name and number.isdecimal() else None
    if check.verdict == "fails":
        text = f"{check.execution_id} cannot be replayed: {check.problem}"
    else:
        text = (
            f"{check.execution_id} diverges at event {check.version}: recorded {check.recorded} {check.recorded_line}, "
            f"now {check.now} {check.now_line}"
        )
        text = " ".join(text.split()).replace(" ,", ",")
    return _result(check.code, "error", text, file, region)


def _rule(code: str, name: str, level: str, why: str, fix: str) -> dict[str, Any]:
    return {
        "id": code,
        "name": "".join(part.capitalize() for part in name.split("-")),
        "shortDescription": {"text": name.replace("-", " ")},
        "fullDescription": {"text": why},
        "help": {"text": fix},
        "defaultConfiguration": {"level": level},
    }
