"""Makes the plain `def` twins of the workflows in this folder: `python -m tests.flows.plain_form` writes `plain/`.

By rule, so that both forms say the same: `async def` becomes `def`, `await` goes, `asyncio.sleep` becomes `time.sleep`,
`asyncio.gather` becomes `together`. A workflow that uses what plain code does not have (`asyncio.timeout`, tasks,
asynchronous generators) has no twin. Steps and all else are the originals.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MODULES = (
    "asking", "effecting", "fanout", "lifecycle", "listening", "primitives", "replayed", "retrying", "sagas", "steps",
    "waiting",
)  # fmt: skip
HEADER = '''# mypy: ignore-errors
"""The workflows of `tests.flows.{name}` as plain `def`. Made by `tests.flows.plain_form`; change them there.

Not type-checked: a step's call has the type of the awaitable that it is in an `async def`.
"""

'''
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class NoTwin(Exception):
    """Plain code cannot say this."""


class Plain(ast.NodeTransformer):
    """Rewrites a workflow, or a coroutine function that one calls."""

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        if any(isinstance(each, ast.Yield) for each in ast.walk(node)):
            raise NoTwin
        self.generic_visit(node)
        fields = {name: getattr(node, name) for name in node._fields}
        return ast.copy_location(ast.FunctionDef(**fields), node)

    def visit_Await(self, node: ast.Await) -> ast.AST:
        visited: ast.AST = self.visit(node.value)
        return visited

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        self.generic_visit(node)
        if not all(ast.unparse(item.context_expr) == "saga()" for item in node.items):
            raise NoTwin
        return ast.copy_location(ast.With(items=node.items, body=node.body, type_comment=None), node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        raise NoTwin

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        if node.is_async:
            raise NoTwin
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        called = ast.unparse(node.func)
        if called == "asyncio.gather" and not node.keywords:
            calls = [_deferred(argument) for argument in node.args]
            return ast.Call(func=ast.Name("together", ast.Load()), args=[self.visit(c) for c in calls], keywords=[])
        self.generic_visit(node)
        if called == "asyncio.sleep" and len(node.args) == 1:
            node.func = ast.Attribute(ast.Name("time", ast.Load()), "sleep", ast.Load())
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if ast.unparse(node).startswith("asyncio.") and node.attr not in ("CancelledError", "sleep"):
            raise NoTwin
        return self.generic_visit(node)


def _deferred(argument: ast.expr) -> ast.expr:
    """Return the call that `argument` makes as a function without arguments, of a whole generator of them too."""
    if isinstance(argument, ast.Starred) and isinstance(argument.value, ast.GeneratorExp):
        generator = argument.value
        return ast.Starred(ast.GeneratorExp(_deferred(generator.elt), generator.generators), ast.Load())
    if not isinstance(argument, ast.Call) or ast.unparse(argument.func).startswith("asyncio."):
        raise NoTwin
    return ast.Call(
        func=ast.Name("partial", ast.Load()), args=[argument.func, *argument.args], keywords=argument.keywords
    )


def _is_step(node: ast.AST) -> bool:
    return any(ast.unparse(each).startswith("step") for each in getattr(node, "decorator_list", ()))


def _is_workflow(node: ast.AST) -> bool:
    return any(ast.unparse(each).startswith("workflow") for each in getattr(node, "decorator_list", ()))


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return [node.target.id] if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) else []


def twins_of(name: str) -> ast.Module:
    """Return the module of the twins of `tests.flows.<name>`."""
    source = ast.parse((HERE / f"{name}.py").read_text())
    imports, taken, twins = [], [], []
    for node in source.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.append(node)
            continue
        if isinstance(node, ast.AsyncFunctionDef) and not _is_step(node):
            try:
                twins.append(Plain().visit(ast.parse(ast.unparse(node)).body[0]))
                continue
            except NoTwin:
                pass
        taken += _names(node)
    body: list[Any] = [
        *imports,
        *ast.parse("import time\nfrom functools import partial\nfrom cerebelum import together").body,
        ast.ImportFrom(f"tests.flows.{name}", [ast.alias(each) for each in taken], 0),
        *twins,
    ]
    text = HEADER.format(name=name) + ast.unparse(ast.fix_missing_locations(ast.Module(body, [])))
    return ast.parse(text)


@cache
def twin_names(name: str) -> list[str]:
    """Return the workflows of a module that have a twin."""
    return [node.name for node in twins_of(name).body if isinstance(node, ast.FunctionDef) and _is_workflow(node)]


def main() -> None:
    """Write them all."""
    for name in MODULES:
        body = ast.unparse(ast.Module(twins_of(name).body[1:], []))
        (HERE / "plain" / f"{name}.py").write_text(HEADER.format(name=name) + body + "\n")


if __name__ == "__main__":
    main()
