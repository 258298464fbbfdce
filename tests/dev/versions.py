"""Versions of flows: what each does, in order, and its text. The plan is the oracle, the text is what runs."""

from __future__ import annotations

from msgspec import Struct

SLEEP_S = 7 * 60
RETRY_S = 4 * 60

_TOP = """\
import asyncio

from cerebelum import Retry, error, info, patched, step, wait_for_signal, workflow
from tests.flows.ledger import effect, pass_gate
IMPORTS

WORD = TAG


def did(name: str) -> str:
    effect(f"{info().idempotency_key} {info().attempt} {name} {WORD}")
    return f"{name} {WORD}"


@step
async def release(reserved: str) -> None:
    did("release")


@step(compensate=release)
async def reserve() -> str:
    return did("reserve")


@step
async def charge(number: int) -> str:
    done = did("charge")
    return error("card declined") if number % 3 == 0 else done


@step
async def gated() -> str:
    done = did("gated")
    await pass_gate()
    return done


@step(retry=Retry(max_attempts=2, backoff="constant", backoff_base=RETRY_S))
async def flaky() -> str:
    done = did("flaky")
    if info().attempt == 1:
        raise ConnectionError("once")
    return done

"""
_STEP = """
@step
DEF NAME() -> str:
    return did("NAME")

"""
_FLOW = """
@workflow
async def NAME(number: int) -> list[str]:
    done: list[str] = []
"""
_PLAIN = ("first", "second", "extra", "more", "audit", "last")
_LINES = {
    "sleep": f"await asyncio.sleep({SLEEP_S})",
    "signal": 'done.append("signal " + str(await wait_for_signal("go")))',
    "charge": "done.append(await charge(number))",
    "child": "done += await child(number)",
}


class Version(Struct, frozen=True):
    """One text of a flow file.

    Attributes:
        tag: differs in each version; every step's result and effect has it.
        name: of the workflow.
        plan: names of steps, "sleep", "signal", "child"; "?name" is a step that `patched` guards.
        modules: local ones that it imports; their words are part of the version's own.
        child: the plan of the workflow `child` in the same file.
        remark: a comment.
    """

    tag: str
    name: str
    plan: tuple[str, ...]
    modules: tuple[str, ...] = ()
    child: tuple[str, ...] = ()
    remark: str = ""

    def text(self) -> str:
        """Return the file's text."""
        words = [repr(self.tag), *(f"{module}.WORD" for module in self.modules)]
        top = _TOP.replace("IMPORTS", "\n".join(f"import {module}" for module in self.modules))
        top = top.replace("TAG", ' + "+" + '.join(words)).replace("RETRY_S", str(RETRY_S))
        steps = [
            _STEP.replace("NAME", name).replace("DEF", "def" if name == "second" else "async def") for name in _PLAIN
        ]
        child = _flow("child", self.child, audits=False) if self.child else ""
        remark = f"# {self.remark}\n" if self.remark else ""
        return remark + top + "".join(steps) + child + _flow(self.name, self.plan, audits="prices" in self.modules)


def _flow(name: str, plan: tuple[str, ...], *, audits: bool) -> str:
    lines = ["if prices.AUDITS:\n        done.append(await audit())"] if audits else []
    for part in plan:
        line = _LINES.get(part.removeprefix("?"), f"done.append(await {part.removeprefix('?')}())")
        lines.append(f'if patched("{part[1:]}"):\n        {line}' if part.startswith("?") else line)
    return _FLOW.replace("NAME", name) + "".join(f"    {line}\n" for line in lines) + "    return [WORD, *done]\n"


def helper(word: str, *, audits: bool = False) -> str:
    """Return the text of a module that flows import."""
    return f"WORD = {word!r}\nAUDITS = {audits}\n"


FIRST: dict[str, Version] = {
    "order.py": Version("order-0", "order", ("first", "gated", "sleep", "signal", "last"), ("prices",)),
    "refund.py": Version(
        "refund-0", "refund", ("first", "reserve", "sleep", "signal", "reserve", "charge", "last"), ("prices", "shop")
    ),
    "tries.py": Version("tries-0", "tries", ("first", "flaky", "gated", "second", "sleep", "last")),
    "parent.py": Version(
        "parent-0", "parent", ("first", "child", "signal", "last"), ("shop",), ("first", "sleep", "second")
    ),
}
LATE = Version("late-0", "late", ("second", "sleep", "signal", "gated", "last"), ("shop",))
FIRST_HELPERS = {
    "prices.py": helper("p0"),
    "shop/__init__.py": "from shop.words import SHORT\n\nWORD = 's0' + SHORT\n",
    "shop/words.py": "SHORT = 'w0'\n",
}
HELPERS_OF = {"prices": ("prices.py",), "shop": ("shop/__init__.py", "shop/words.py")}
