"""An agent: a model asks for tools, a person allows what costs money, a budget of tokens ends it.

The model is a fake, in fake_llm.py. README.md says how to put a real one in its place, and has the commands to type.
"""

import json
from dataclasses import dataclass
from typing import Any, Literal

from cerebelum import Retry, days, info, minutes, step, wait_for_input, workflow

from fake_llm import FakeClient

CLIENT = FakeClient()
MODEL = "fake-1"
SYSTEM = "You help customers of a shop with their orders."
ANSWER_TOKENS_MAX = 1_000
TOOLS: list[dict[str, Any]] = [
    {
        "name": "look_up_order",
        "description": "Return an order's item, total and status.",
        "input_schema": {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]},
    },
    {
        "name": "refund",
        "description": "Pay money back to the customer.",
        "input_schema": {
            "type": "object",
            "properties": {"order_id": {"type": "string"}, "amount": {"type": "number"}},
            "required": ["order_id", "amount"],
        },
    },
]
ORDERS = {
    "1042": {"item": "lamp", "total": 79.0, "status": "shipped yesterday"},
    "1043": {"item": "desk", "total": 450.0, "status": "arrived broken"},
}


@dataclass
class Reply:
    """One answer of the model, as plain data: the history keeps it."""

    content: list[dict[str, Any]]
    stop_reason: str
    tokens: int


@dataclass
class Approval:
    """The form that a person fills in before money moves."""

    verdict: Literal["approve", "reject"]
    comment: str = ""


@dataclass
class Answer:
    """What the customer hears, and what it cost."""

    status: Literal["done", "cut off", "out of budget"]
    text: str
    tokens: int


# -- steps: each runs once, also when the process is killed between two of them ----------------------------------------


@step(retry=Retry(max_attempts=4), timeout=minutes(5))
def ask_model(messages: list[dict[str, Any]], max_tokens: int) -> Reply:
    """Ask for the next message. It is paid for once: after a crash the recorded reply is used."""
    message = CLIENT.messages.create(model=MODEL, max_tokens=max_tokens, system=SYSTEM, tools=TOOLS, messages=messages)
    content: list[dict[str, Any]] = []
    for block in message.content:
        if block.type == "text":
            content.append({"type": "text", "text": block.text})
        elif block.type == "tool_use":
            content.append({"type": "tool_use", "id": block.id, "name": block.name, "input": block.input})
    return Reply(content, str(message.stop_reason), message.usage.input_tokens + message.usage.output_tokens)


@step
def look_up_order(order_id: str) -> dict[str, Any]:
    """Return what is known of an order."""
    if order_id not in ORDERS:
        raise LookupError(f"there is no order {order_id}")
    return ORDERS[order_id]


@step
def refund(order_id: str, amount: float) -> str:
    """Pay money back. The key makes a second attempt, after a crash, harmless."""
    print(f"refunded {amount:g} for order {order_id} ({info().idempotency_key})")
    return f"{amount:g} refunded"


# -- the workflow ------------------------------------------------------------------------------------------------------


async def use_tool(name: str, arguments: dict[str, Any]) -> str:
    """Use a tool. What goes wrong is told to the model, as any other result: it may know better."""
    try:
        if name == "look_up_order":
            return json.dumps(await look_up_order(**arguments))
        if name == "refund":
            question = f"Refund {arguments['amount']} for order {arguments['order_id']}?"
            approval = await wait_for_input(
                "approval", form=Approval, prompt=question, timeout=days(1), default=Approval("reject", "no answer")
            )
            if approval.verdict == "approve":
                return await refund(**arguments)
            return f"not allowed: {approval.comment or 'rejected'}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return f"there is no tool {name!r}"


@workflow
async def assist(task: str = "Where is order 1042?", budget: int = 5_000) -> Answer:
    """Let the model work on a task until it is done. Once the budget of tokens is used up, it is not asked again."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": task}]
    tokens = 0
    while tokens < budget:
        reply = await ask_model(messages, min(ANSWER_TOKENS_MAX, budget - tokens))
        tokens += reply.tokens
        messages.append({"role": "assistant", "content": reply.content})
        if reply.stop_reason != "tool_use":
            text = " ".join(block["text"] for block in reply.content if block["type"] == "text")
            return Answer("cut off" if reply.stop_reason == "max_tokens" else "done", text, tokens)
        results = []
        for call in reply.content:
            if call["type"] == "tool_use":
                result = await use_tool(call["name"], call["input"])
                results.append({"type": "tool_result", "tool_use_id": call["id"], "content": result})
        messages.append({"role": "user", "content": results})
    return Answer("out of budget", f"{tokens} tokens used of {budget}", tokens)
