"""What a module's names stand for, read from its tree: imports, functions, steps, workflows, values."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from cerebelum.engine.runtime.code.static_names import FunctionNode, local_names

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_INNER = (*_FUNCTIONS, ast.ClassDef, ast.Lambda)


class WorkflowNode(Struct, frozen=True, eq=False):
    """A function under @workflow, and the names of the functions around it."""

    node: FunctionNode
    name: str
    hidden: frozenset[str]


class ModuleFacts(Struct, frozen=True, eq=False):
    """See the module docstring.

    Attributes:
        imports: name -> what it was imported as, with its module: {"now": "time.time"}.
        functions: those of the module itself that are neither steps nor workflows.
        durable: the names of its steps and workflows.
        values: name -> what the module assigns to it.
        bound: all names of the module.
        flows: whether it makes a `Flow`, or a class of a `Workflow`.
    """

    imports: Mapping[str, str]
    functions: Mapping[str, FunctionNode]
    durable: frozenset[str]
    workflows: list[WorkflowNode]
    values: Mapping[str, list[ast.expr]]
    bound: frozenset[str]
    flows: bool

    @property
    def declares(self) -> bool:
        """Whether loading the module may give a workflow."""
        return bool(self.workflows) or self.flows


def facts_of(tree: ast.Module) -> ModuleFacts:
    """Read a module's tree."""
    top = list(own_nodes(tree.body))
    imports = imports_of(top)
    functions: dict[str, FunctionNode] = {}
    durable: set[str] = set()
    values: dict[str, list[ast.expr]] = {}
    for node in top:
        if isinstance(node, _FUNCTIONS):
            if decorated(node, imports, ("step", "workflow")):
                durable.add(node.name)
            else:
                functions[node.name] = node
        for name, value in assigned(node):
            values.setdefault(name, []).append(value)
    for name, given in values.items():
        if any(isinstance(value, ast.Call) and _is_own(dotted(value.func, imports), ("step",)) for value in given):
            durable.add(name)
    classes = {node.name for node in top if isinstance(node, ast.ClassDef)}
    return ModuleFacts(
        imports=imports,
        functions=functions,
        durable=frozenset(durable),
        workflows=list(_workflows(tree, imports, frozenset())),
        values=values,
        bound=frozenset({*functions, *durable, *values, *classes}),
        flows=any(_makes_flow(node, imports) for node in ast.walk(tree)),
    )


def own_nodes(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes of a body in order; of functions and classes within, only the node itself."""
    for node in body:
        yield node
        if not isinstance(node, _INNER):
            yield from own_nodes(ast.iter_child_nodes(node))


def imports_of(nodes: Iterable[ast.AST]) -> dict[str, str]:
    """Return name -> dotted name of what the import statements among `nodes` bind."""
    found: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                found[name] = alias.name if alias.asname else name
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (f"{node.module}." if node.module else "")
            found.update({alias.asname or alias.name: f"{module}{alias.name}" for alias in node.names})
    return found


def dotted(expression: ast.expr, imports: Mapping[str, str]) -> str:
    """Return "time.sleep" for what was imported from there; "" for anything else."""
    parts: list[str] = []
    while isinstance(expression, ast.Attribute):
        parts.append(expression.attr)
        expression = expression.value
    if not isinstance(expression, ast.Name) or expression.id not in imports:
        return ""
    return ".".join([imports[expression.id], *reversed(parts)])


def assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield (name, value) of an assignment to plain names."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name):
                yield target.id, node.value
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and isinstance(node.target, ast.Name) and node.value:
        yield node.target.id, node.value


def decorated(node: FunctionNode, imports: Mapping[str, str], names: tuple[str, ...]) -> bool:
    """Whether a function stands under one of Cerebelum's decorators of these names."""
    return any(
        _is_own(dotted(found.func if isinstance(found, ast.Call) else found, imports), names)
        for found in node.decorator_list
    )


def _is_own(name: str, names: tuple[str, ...]) -> bool:
    return name.partition(".")[0] == "cerebelum" and name.rpartition(".")[2] in names


def _workflows(tree: ast.AST, imports: Mapping[str, str], hidden: frozenset[str]) -> Iterator[WorkflowNode]:
    for node in ast.iter_child_nodes(tree):
        inner = hidden
        if isinstance(node, _FUNCTIONS):
            if decorated(node, imports, ("workflow",)):
                yield WorkflowNode(node, _name(node, imports), hidden)
                continue
            inner = hidden | local_names(node)
        yield from _workflows(node, imports, inner)


def _name(node: FunctionNode, imports: Mapping[str, str]) -> str:
    for found in node.decorator_list:
        if isinstance(found, ast.Call) and _is_own(dotted(found.func, imports), ("workflow",)):
            given = [*found.args[:1], *(word.value for word in found.keywords if word.arg == "name")]
            for value in given:
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    return value.value
    return node.name


def _makes_flow(node: ast.AST, imports: Mapping[str, str]) -> bool:
    if isinstance(node, ast.Call):
        name = dotted(node.func, imports)
        return _is_own(name, ("Flow",)) or (name.startswith("cerebelum.") and ".Flow." in name)
    return isinstance(node, ast.ClassDef) and any(_is_own(dotted(base, imports), ("Workflow",)) for base in node.bases)
