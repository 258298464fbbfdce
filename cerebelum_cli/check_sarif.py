"""What `check` finds as SARIF 2.1.0, which code hosts show beside the lines."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cerebelum
from cerebelum.engine.runtime.code.lint.finding import RULES, Finding
from cerebelum_cli.checked_files import Unloadable

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(findings: Iterable[Finding], unloadable: Iterable[Unloadable]) -> dict[str, Any]:
    """Return a SARIF log of one run."""
    results = [*map(_of_finding, findings), *map(_of_unloadable, unloadable)]
    rules = [_rule(rule.code, rule.name, rule.level, rule.why, rule.fix) for rule in RULES.values()]
    known = {rule["id"] for rule in rules}
    others = sorted({result["ruleId"] for result in results} - known)
    rules += [_rule(code, code, "error", "the flow cannot be loaded", f"cerebelum explain {code}") for code in others]
    index = {rule["id"]: number for number, rule in enumerate(rules)}
    for result in results:
        result["ruleIndex"] = index[result["ruleId"]]
    driver = {"name": "cerebelum", "version": cerebelum.__version__, "rules": rules}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}],
    }


def result(code: str, level: str, text: str, path: str, region: dict[str, int] | None = None) -> dict[str, Any]:
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
    return result(finding.code, finding.level, text, finding.path, region)


def _of_unloadable(file: Unloadable) -> dict[str, Any]:
    return result(file.code, "error", file.message, file.path)


def _rule(code: str, name: str, level: str, why: str, fix: str) -> dict[str, Any]:
    return {
        "id": code,
        "name": "".join(part.capitalize() for part in name.split("-")),
        "shortDescription": {"text": name.replace("-", " ")},
        "fullDescription": {"text": why},
        "help": {"text": fix},
        "defaultConfiguration": {"level": level},
    }
