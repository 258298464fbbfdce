"""Lints one module's source. Nothing is imported, nothing runs."""

from __future__ import annotations

import ast

from msgspec import Struct

from cerebelum.engine.runtime.code.lint.calls import blocking_sleep, environment, known_calls, paths
from cerebelum.engine.runtime.code.lint.finding import RULES, Family, Finding, Hit
from cerebelum.engine.runtime.code.lint.ignores import Ignore, ignores_of, silences
from cerebelum.engine.runtime.code.lint.module_facts import facts_of
from cerebelum.engine.runtime.code.lint.module_state import captured, module_state
from cerebelum.engine.runtime.code.lint.region import regions
from cerebelum.engine.runtime.code.lint.unordered import unordered_iteration

FAMILIES: tuple[Family, ...] = (
    blocking_sleep, known_calls, paths, environment, unordered_iteration, module_state, captured,
)  # fmt: skip


class Linted(Struct, frozen=True):
    """What was found in one module.

    Attributes:
        declares: whether loading it may give a workflow, as a function or as a flow.
        workflows: how many workflows were looked at; flows have no workflow code of their own.
    """

    findings: list[Finding]
    declares: bool
    workflows: int


def lint_source(source: str, path: str) -> Linted:
    """Lint a module.

    Args:
        path: as it is shown in findings.

    Raises:
        SyntaxError, ValueError: it is not Python.
    """
    tree = ast.parse(source)
    facts = facts_of(tree)
    ignores = ignores_of(source)
    lines = source.splitlines()
    found: dict[tuple[str, int, int], Finding] = {}
    silenced: set[tuple[str, int, int]] = set()
    for region in regions(facts):
        for family in FAMILIES:
            for hit in family(region):
                finding = _finding(hit, path, lines, region.workflow)
                key = (finding.code, finding.line, finding.column)
                if key in silenced or silences(ignores, finding.code, finding.line, finding.end_line):
                    silenced.add(key)
                else:
                    found.setdefault(key, finding)
    every = [
        *found.values(),
        *(_idle(ignore, path, lines) for ignore in ignores.values() if ignore.idle or not ignore.codes),
    ]
    every.sort(key=lambda finding: (finding.line, finding.column, finding.code))
    return Linted(every, facts.declares, len(facts.workflows))


def _finding(hit: Hit, path: str, lines: list[str], workflow: str) -> Finding:
    rule = RULES[hit.code]
    line, end_line = getattr(hit.node, "lineno", 1), getattr(hit.node, "end_lineno", None) or 1
    source, last = _line(lines, line), _line(lines, end_line)
    return Finding(
        code=rule.code, name=rule.name, level=hit.level or rule.level, path=path, what=hit.what, why=rule.why,
        fix=hit.fix or rule.fix, workflow=workflow, source=source, line=line, end_line=end_line,
        column=_characters(source, getattr(hit.node, "col_offset", 0)) + 1,
        end_column=_characters(last, getattr(hit.node, "end_col_offset", None) or 0) + 1,
    )  # fmt: skip


def _idle(ignore: Ignore, path: str, lines: list[str]) -> Finding:
    rule = RULES["CB519"]
    named = bool(ignore.codes)
    what = f"{', '.join(ignore.idle)} is not found on this line" if named else "the comment names no code"
    return Finding(
        code=rule.code, name=rule.name, level=rule.level, path=path, what=what,
        why=rule.why if named else "only what is named is silenced: something else may be found here later",
        fix=rule.fix if named else "name the code: `# cb: ignore[CB512]`",
        line=ignore.line, column=ignore.column + 1, end_line=ignore.line,
        end_column=ignore.column + len(ignore.text) + 1, source=_line(lines, ignore.line),
    )  # fmt: skip


def _line(lines: list[str], number: int) -> str:
    return lines[number - 1] if 0 < number <= len(lines) else ""


def _characters(line: str, offset_bytes: int) -> int:
    """Return a column in characters: the parser counts the bytes of UTF-8."""
    return len(line.encode()[:offset_bytes].decode(errors="ignore"))
