"""Lints modules. Nothing is imported, nothing runs."""

from __future__ import annotations

from msgspec import Struct

from cerebelum.engine.runtime.code.lint.calls import blocking_sleep, environment, known_calls, paths
from cerebelum.engine.runtime.code.lint.finding import RULES, Family, Finding, Hit
from cerebelum.engine.runtime.code.lint.ignores import Ignore, silences
from cerebelum.engine.runtime.code.lint.linked_modules import LintModule, parse_module
from cerebelum.engine.runtime.code.lint.module_state import captured, module_state
from cerebelum.engine.runtime.code.lint.region import Follow, Region, regions
from cerebelum.engine.runtime.code.lint.unordered import unordered_iteration

FAMILIES: tuple[Family, ...] = (
    blocking_sleep, known_calls, paths, environment, unordered_iteration, module_state, captured,
)  # fmt: skip


_Key = tuple[str, str, int, int]  # path, code, line, column


class Linted(Struct, frozen=True):
    """What was found in one module.

    Attributes:
        declares: whether loading it may give a workflow, as a function or as a flow.
        workflows: how many workflows were looked at; flows have no workflow code of their own.
    """

    findings: list[Finding]
    declares: bool
    workflows: int


class Linter:
    """Lints modules, one after the other, with what their workflows call in other modules; each place is told once.

    Args:
        follow: gives the function of another module that a name stands for; without it, each module stands alone.
    """

    def __init__(self, follow: Follow | None = None) -> None:
        self._follow, self._stands_alone = follow or (lambda module, name: None), follow is None
        self._found: dict[_Key, Finding] = {}
        self._silenced: set[_Key] = set()
        self._asked: dict[str, LintModule] = {}
        self._reached: set[str] = set()

    def add(self, module: LintModule) -> None:
        """Lint the workflows of a module."""
        self._asked[module.path] = module
        for region in regions(module, self._follow):
            self._reached.add(region.module.path)
            for family in FAMILIES:
                for hit in family(region):
                    self._take(hit, region)

    def _take(self, hit: Hit, region: Region) -> None:
        module = region.module
        finding = _finding(hit, module.path, module.lines, region.workflow)
        key = (finding.path, finding.code, finding.line, finding.column)
        if key in self._silenced or silences(module.ignores, finding.code, finding.line, finding.end_line):
            self._silenced.add(key)
        else:
            self._found.setdefault(key, finding)

    def findings(self) -> list[Finding]:
        """Return all findings by file and line, those about comments that silence nothing included.

        A comment is judged where workflow code was looked at: a module that only others use may be of use to them.
        """
        judged = [module for path, module in self._asked.items() if self._stands_alone or path in self._reached]
        idle = (
            _idle(ignore, module.path, module.lines)
            for module in judged
            for ignore in module.ignores.values()
            if ignore.idle or not ignore.codes
        )
        return sorted(
            [*self._found.values(), *idle], key=lambda found: (found.path, found.line, found.column, found.code)
        )


def lint_source(source: str, path: str) -> Linted:
    """Lint a module by itself.

    Args:
        path: as it is shown in findings.

    Raises:
        SyntaxError, ValueError: it is not Python.
    """
    module, linter = parse_module(source, path), Linter()
    linter.add(module)
    return Linted(linter.findings(), module.facts.declares, len(module.facts.workflows))


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
