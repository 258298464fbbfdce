"""What differs in one pair of events, the whole of the event, and how the code differs; as lines."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec
from msgspec import Raw

from cerebelum.engine.application.diff_words import pair_name, pair_numbers, side_value
from cerebelum.engine.application.diffing import ExecutionDiff
from cerebelum.engine.domain.aligning import Pair, ValueChange
from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.words import duration
from cerebelum.engine.runtime.masking import mask_text
from cerebelum.engine.runtime.rendering import mask_json
from cerebelum.tui.compare.side_list import Side
from cerebelum.tui.lines import Line, Piece
from cerebelum.tui.themes import Ink

_VALUE_CHARS = 200
_PAYLOAD_CHARS = 16_384
_CODE_LINES = 2_000
_CODE_INKS: dict[str, Ink] = {"+": "good", "-": "bad", "@": "accent"}


def detail_lines(found: ExecutionDiff, at: int, side: Side) -> list[Line]:
    """Return what is to be said of pair `at`, the payload of the event on `side`, and the difference of the code."""
    if not 0 <= at < len(found.pairs):
        return [[Piece("neither has an event", "dim")]]
    pair = found.pairs[at]
    lines = [_headline(found, pair, is_first=at == found.first_divergence)]
    lines += [_change(change) for change in pair.changes]
    lines += _times(found, pair)
    event = (pair.second if side else pair.first) or pair.first or pair.second
    assert event is not None, "a pair has an event"
    owner = found.second.id if event is pair.second else found.first.id
    lines += [[], [Piece(f"event {event.version} of {owner}", "dim")], *_payload(event)]
    return [*lines, *_code(found)]


def _headline(found: ExecutionDiff, pair: Pair, *, is_first: bool) -> Line:
    words: dict[str, tuple[str, Ink]] = {
        "same": ("the same", "dim"),
        "changed": ("differs", "changed"),
        "only_first": (f"only in {found.first.id}", "bad"),
        "only_second": (f"only in {found.second.id}", "good"),
    }
    word, ink = words[pair.kind]
    what = f"{pair_numbers(pair)} {pair.type} {pair_name(found, pair)}".rstrip()
    first = [Piece("◆ they first differ here  ", "accent")] if is_first else []
    return [*first, Piece(f"{what}  ", "strong"), Piece(word, ink)]


def _change(change: ValueChange) -> Line:
    before, after = (_short(change, side) for side in (change.before, change.after))
    return [Piece(f"  {change.path}: ", "busy"), Piece(before, "bad"), Piece(" → ", "dim"), Piece(after, "good")]


def _short(change: ValueChange, side: Raw) -> str:
    if not bytes(side):
        return "nothing"
    text = json.dumps(side_value(change, side), ensure_ascii=False)
    return text if len(text) <= _VALUE_CHARS else f"{text[:_VALUE_CHARS]}…"


def _times(found: ExecutionDiff, pair: Pair) -> Iterator[Line]:
    recorded = pair.first or pair.second
    number = getattr(recorded.event(), "number", 0) if recorded is not None else 0
    if pair.type != "step_completed" and not pair.type.startswith("step_failed"):
        return
    for each in found.steps:
        if each.number == number and each.first_us != each.second_us:
            first, second = ("·" if took is None else duration(took) for took in (each.first_us, each.second_us))
            yield [Piece("  took: ", "busy"), Piece(f"{first} → {second}", "dim")]


def _payload(event: RecordedEvent) -> list[Line]:
    try:
        text = json.dumps(mask_json(msgspec.json.decode(event.data)), indent=2, ensure_ascii=False)
    except msgspec.DecodeError:
        text = mask_text(event.data[:_PAYLOAD_CHARS].decode("utf-8", errors="replace"))
    lines: list[Line] = [[Piece(f"  {line}")] for line in text[:_PAYLOAD_CHARS].split("\n")]
    return [*lines, [Piece(f"  … {len(text) - _PAYLOAD_CHARS:,} characters more", "dim")]] if len(text) > _PAYLOAD_CHARS else lines  # fmt: skip


def _code(found: ExecutionDiff) -> list[Line]:
    if found.code_note:
        return [[], [Piece("code  ", "dim"), Piece(found.code_note, "wait")]]
    if not found.code:
        return []
    shown = found.code.split("\n")[:_CODE_LINES]
    lines: list[Line] = [[Piece(f"  {mask_text(line)}", _CODE_INKS.get(line[:1], "text"))] for line in shown]
    return [[], [Piece("code", "dim")], *lines]
