"""CB515 and CB517: what lies in the module and is no part of any history."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from cerebelum.engine.runtime.code.lint.finding import Hit, Level
from cerebelum.engine.runtime.code.lint.module_facts import dotted, own_nodes
from cerebelum.engine.runtime.code.lint.region import Region

_CHANGING = frozenset({
    "append", "extend", "insert", "remove", "pop", "popleft", "appendleft", "clear", "sort", "reverse", "add",
    "discard", "update", "setdefault", "popitem", "difference_update", "intersection_update",
    "symmetric_difference_update", "subtract",
})  # fmt: skip
_MUTABLE = frozenset({"list", "dict", "set", "bytearray", "defaultdict", "deque", "Counter", "OrderedDict"})
_CLOCKS = frozenset({
    "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter",
    "time.perf_counter_ns", "time.localtime", "time.gmtime", "time.ctime", "time.strftime",
    "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today",
    "os.urandom", "os.getrandom", "os.getpid", "uuid.uuid1", "uuid.uuid4", "uuid.uuid6", "uuid.uuid7",
    "uuid.getnode", "random.Random", "random.SystemRandom",
})  # fmt: skip
_CHANCE = ("random", "secrets")  # all functions of theirs
_CONSTANT = frozenset({"random.seed", "secrets.compare_digest"})


def module_state(region: Region) -> Iterator[Hit]:
    """CB515: workflow code changes what belongs to its module; an error where it also reads it."""
    written: dict[str, list[tuple[ast.AST, ast.Name]]] = {}
    for node, name in _writes(region):
        written.setdefault(name.id, []).append((node, name))
    reads = {
        node.id: node
        for node in region.nodes
        if isinstance(node, ast.Name)
        and isinstance(node.ctx, ast.Load)
        and node.id in written
        and not any(node is name for _, name in written[node.id])
    }
    for found, places in written.items():
        level: Level | None = "error" if found in reads else None
        tail = " and reads it" if level else ""
        for node, _ in places:
            yield Hit("CB515", node, f"the workflow changes {found!r}, which belongs to the module{tail}", level=level)


def captured(region: Region) -> Iterator[Hit]:
    """CB517: time, randomness and ids that were read at import, and are used in workflow code."""
    read = {
        name: source
        for name, values in region.facts.values.items()
        for value in values
        if (source := _source(value, region))
    }
    for node in region.nodes:
        if (
            isinstance(node, ast.Name)
            and isinstance(node.ctx, ast.Load)
            and node.id in read
            and region.is_global(node.id)
        ):
            yield Hit("CB517", node, f"{node.id!r} was made by {read[node.id]}() when the module was imported")
    arguments = region.node.args
    for default in (*arguments.defaults, *(found for found in arguments.kw_defaults if found is not None)):
        source = _source(default, region)
        if source:
            yield Hit("CB517", default, f"the default was made by {source}() when the module was imported")


def _writes(region: Region) -> Iterator[tuple[ast.AST, ast.Name]]:
    """Yield (place, the name) where something of the module is changed."""
    declared = {name for node in region.nodes if isinstance(node, ast.Global) for name in node.names}
    for node in region.nodes:
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name() as name, attr=method)) if method in _CHANGING:
                if _is_mutable(name.id, region):
                    yield node, name
            case ast.Assign(targets=targets) | ast.Delete(targets=targets):
                every = (_changed(target, region, declared) for target in targets)
                yield from ((node, found) for found in every if found is not None)
            case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
                changed = _changed(target, region, declared)
                if changed is not None:
                    yield node, changed


def _changed(target: ast.expr, region: Region, declared: set[str]) -> ast.Name | None:
    if isinstance(target, ast.Name):
        return target if target.id in declared else None
    holder = target
    while isinstance(holder, ast.Attribute | ast.Subscript):
        holder = holder.value
    if not isinstance(holder, ast.Name) or not region.is_global(holder.id):
        return None
    return holder if holder.id in region.facts.values else None


def _is_mutable(name: str, region: Region) -> bool:
    return region.is_global(name) and any(_makes_mutable(value) for value in region.facts.values.get(name, ()))


def _makes_mutable(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        function = value.func.value if isinstance(value.func, ast.Subscript) else value.func
        name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
        return name in _MUTABLE
    return isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp)


def _source(value: ast.expr, region: Region) -> str:
    """Return the call in an expression that gives another value in each process, "" if there is none."""
    for node in own_nodes([value]):
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func, region.facts.imports)
        module, _, function = name.partition(".")
        if name in _CLOCKS or (module in _CHANCE and function and name not in _CONSTANT):
            return name
    return ""
