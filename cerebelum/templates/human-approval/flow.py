"""An expense that somebody has to approve, within days. README.md has the commands to type."""

from dataclasses import dataclass
from typing import Literal

from cerebelum import InputTimedOut, days, info, step, wait_for_input, workflow

NO_QUESTIONS_UP_TO = 100


@dataclass
class Decision:
    """The form that a person fills in."""

    verdict: Literal["approve", "reject"]
    comment: str = ""


@dataclass
class Outcome:
    """How it ended."""

    paid: bool
    decided_by: str
    comment: str = ""


@step
def pay(employee: str, amount: float) -> None:
    """Pay the money back. The key makes a second attempt, after a crash, harmless."""
    print(f"paid {amount:g} to {employee} ({info().idempotency_key})")


@step
def tell(employee: str, text: str) -> None:
    """Send a message."""
    print(f"to {employee}: {text}")


async def decide(prompt: str) -> tuple[str, Decision]:
    """Ask the manager; who does not answer for two days is passed over, and the director is asked."""
    try:
        return "manager", await wait_for_input("manager", form=Decision, prompt=prompt, timeout=days(2))
    except InputTimedOut:
        refused = Decision("reject", "nobody answered")
        return "director", await wait_for_input(
            "director", form=Decision, prompt=prompt, timeout=days(5), default=refused
        )


@workflow
async def expense(employee: str = "Ada", amount: float = 80, purpose: str = "a train ticket") -> Outcome:
    """Pay an expense, if it is small or somebody approves it. Waiting takes no process: turn the machine off."""
    if amount <= NO_QUESTIONS_UP_TO:
        who, decision = "nobody", Decision("approve", "too small to ask")
    else:
        who, decision = await decide(f"Pay {amount:g} to {employee} for {purpose}?")

    if decision.verdict == "approve":
        await pay(employee, amount)
    await tell(employee, f"{purpose}: {decision.verdict} {decision.comment}".strip())
    return Outcome(decision.verdict == "approve", who, decision.comment)
