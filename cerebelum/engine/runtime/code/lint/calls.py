"""Rules about calls of known functions: sleeping, input and output, threads, foreign awaitables, facts of the process."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from cerebelum.engine.runtime.code.lint.call_tables import FORBIDDEN, FOREIGN_METHODS, PATH_METHODS
from cerebelum.engine.runtime.code.lint.finding import Hit
from cerebelum.engine.runtime.code.lint.module_facts import assigned, dotted
from cerebelum.engine.runtime.code.lint.region import Region

_INPUT_FIX = "ask with `await wait_for_input(...)`, or do it in a step"


def blocking_sleep(region: Region) -> Iterator[Hit]:
    """CB511: `time.sleep` in a coroutine, or in what a coroutine calls."""
    if region.is_plain:
        return
    for call, name in region.calls():
        if name == "time.sleep":
            yield Hit("CB511", call, "time.sleep() blocks")


def known_calls(region: Region) -> Iterator[Hit]:
    """CB512, CB513, CB516, CB518: functions of which it is known what they do."""
    for call, name in region.calls():
        code = _code_of(name)
        if code:
            shown = name.removeprefix("builtins.")
            what = _WHAT[code].format(f"{shown}()")
            yield Hit(code, call, what, _INPUT_FIX if shown == "input" else "")
        elif isinstance(call.func, ast.Attribute) and call.func.attr in FOREIGN_METHODS and not name:
            yield Hit("CB516", call, _WHAT["CB516"].format(f".{call.func.attr}()"))


def paths(region: Region) -> Iterator[Hit]:
    """CB512: methods of `pathlib.Path` that look at the disk."""
    known = _path_names(region)
    for call, name in region.calls():
        function = call.func
        if name or not isinstance(function, ast.Attribute) or function.attr not in PATH_METHODS:
            continue
        if _is_path(function.value, region, known):
            yield Hit("CB512", call, f"Path.{function.attr}() is input or output")


def environment(region: Region) -> Iterator[Hit]:
    """CB518: `os.environ` as a mapping."""
    for node in region.nodes:
        if isinstance(node, ast.Attribute | ast.Name) and region.name_of(node) == "os.environ":
            yield Hit("CB518", node, "os.environ is the process's own")


_WHAT: Mapping[str, str] = {
    "CB512": "{} is input or output",
    "CB513": "{} starts a thread or a process",
    "CB516": "{} cannot be awaited in a workflow",
    "CB518": "{} is the process's own",
}


def _code_of(name: str) -> str:
    if name in FORBIDDEN:
        return FORBIDDEN[name]
    while "." in name:  # all of a library: "aiohttp.*"
        name = name.rpartition(".")[0]
        if f"{name}.*" in FORBIDDEN:
            return FORBIDDEN[f"{name}.*"]
    return ""


def _path_names(region: Region) -> set[str]:
    found = {
        name for name, values in region.facts.values.items() if region.is_global(name) and _makes_path(values, region)
    }
    for node in region.nodes:
        found |= {name for name, value in assigned(node) if _makes_path([value], region)}
    arguments = region.node.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        if argument.annotation is not None and dotted(argument.annotation, region.imports) == "pathlib.Path":
            found.add(argument.arg)
    return found


def _makes_path(values: list[ast.expr], region: Region) -> bool:
    return any(_is_path(value, region, set()) for value in values)


def _is_path(value: ast.expr, region: Region, known: set[str]) -> bool:
    match value:
        case ast.Name():
            return value.id in known
        case ast.BinOp(left=left, op=ast.Div()):
            return _is_path(left, region, known)
        case ast.Attribute(value=holder, attr="parent"):
            return _is_path(holder, region, known)
        case ast.Call(func=function):
            return region.name_of(function) in {"pathlib.Path", "pathlib.Path.cwd", "pathlib.Path.home"}
    return False
