"""A stand-in for a language model: no network, no key, no cost, and the same answers every time.

It has the part of the real client's interface that the flow uses: `client.messages.create(...)` takes a conversation and
tools, and returns blocks of text and of tool use, a `stop_reason`, and how many tokens that took.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass
class TextBlock:
    """Something the model says."""

    text: str
    type: Literal["text"] = "text"


@dataclass
class ToolUseBlock:
    """A tool that the model wants to be used."""

    id: str
    name: str
    input: dict[str, Any]
    type: Literal["tool_use"] = "tool_use"


@dataclass
class Usage:
    """What was paid for."""

    input_tokens: int
    output_tokens: int


@dataclass
class Message:
    """An answer of the model."""

    content: list[TextBlock | ToolUseBlock]
    stop_reason: Literal["end_turn", "tool_use"]
    usage: Usage
    role: Literal["assistant"] = "assistant"


class Messages:
    """Decides by the conversation alone: look the order up, refund it if that was asked for, then say what happened."""

    def create(
        self, *, model: str, max_tokens: int, messages: list[dict[str, Any]], system: str, tools: list[dict[str, Any]]
    ) -> Message:
        """Return the next message of a conversation."""
        del model, max_tokens  # a real model has a use for them
        block = _next_block(messages, {tool["name"] for tool in tools})
        read = len(json.dumps([messages, system, tools])) // 4  # about four characters are a token
        written = len(json.dumps(vars(block))) // 4
        is_tool = isinstance(block, ToolUseBlock)
        return Message([block], "tool_use" if is_tool else "end_turn", Usage(read, written))


@dataclass
class FakeClient:
    """In the place of the real client."""

    messages: Messages = field(default_factory=Messages)


def _next_block(messages: list[dict[str, Any]], tools: set[str]) -> TextBlock | ToolUseBlock:
    task = str(messages[0]["content"])
    results = _tool_results(messages)
    order = re.search(r"\d{4}", task)
    if order is None:
        return TextBlock("Which order do you mean? Its number has four digits.")
    if "look_up_order" in tools and "look_up_order" not in results:
        return ToolUseBlock(f"toolu_{len(messages)}", "look_up_order", {"order_id": order[0]})
    found = results.get("look_up_order", "")
    if "refund" in task.lower() and "refund" not in results and found.startswith("{"):
        arguments = {"order_id": order[0], "amount": json.loads(found)["total"]}
        return ToolUseBlock(f"toolu_{len(messages)}", "refund", arguments)
    if "refund" in results:
        return TextBlock(f"About the refund of order {order[0]}: {results['refund']}")
    return TextBlock(f"About order {order[0]}: {found}")


def _tool_results(messages: list[dict[str, Any]]) -> dict[str, str]:
    """Return what each tool has answered, by its name."""
    blocks = [block for message in messages if isinstance(message["content"], list) for block in message["content"]]
    names = {block["id"]: block["name"] for block in blocks if block["type"] == "tool_use"}
    return {names[block["tool_use_id"]]: block["content"] for block in blocks if block["type"] == "tool_result"}
