"""What can be changed in the part of a history that a fork would copy: each payload, and how an edit calls it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import msgspec
from msgspec import Struct

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.editing import Call, calls_of
from cerebelum.engine.domain.json_paths import NoSuchPlace, parse_path
from cerebelum.engine.domain.projection import ExecutionState, reconstruct
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.runtime.rendering import mask_json

OFFERS_MOST = 500
_RESERVED = ("input", "context")
_KINDS = ("step:", "signal:", "answer:")


class Offer(Struct, frozen=True, kw_only=True):
    """A payload that may be changed.

    Attributes:
        target: as an `Edit` has it.
        version: of the event.
        text: the JSON text that is there, fit for a terminal and for being changed; "" where a step failed, which has
            none, and where it holds a secret.
        shown: the same for people, secrets masked.
        failed: a step that failed: a whole result may be given to it.
        is_secret: it holds what is masked, so `text` is withheld.
    """

    target: str
    version: int
    text: str
    shown: str
    failed: bool = False
    is_secret: bool = False


def offers(engine: Engine, prefix: Sequence[ev.RecordedEvent]) -> list[Offer]:
    """Return what may be changed in `prefix`, the newest first, 500 at most; the context of a flow and the input last.

    Raises:
        PayloadTransformFailed: a payload was sealed with a key that is not here.
    """
    unseal = partial(engine.codec.unseal, what="a recorded payload")
    state, calls = reconstruct("", prefix), calls_of(prefix)
    places = sorted((*_results(calls), *_messages(prefix)), key=lambda place: -place[1])[:OFFERS_MOST]
    found = [_of_event(target, prefix[version - 1], unseal) for target, version in places]
    return [*found, *_context(state, calls, unseal), _offer("input", 1, unseal(bytes(state.input)))]


def _of_event(target: str, recorded: ev.RecordedEvent, unseal: Callable[[bytes], bytes]) -> Offer:
    match recorded.event():
        case ev.StepFailedEvent(error=error):
            return Offer(target=target, version=recorded.version, text="", shown=f"failed: {error.name}", failed=True)
        case ev.StepCompleted(result=data) | ev.SignalReceived(payload=data) | ev.InputReceived(answer=data):
            return _offer(target, recorded.version, unseal(bytes(data)))
        case other:
            raise AssertionError(f"{other} holds nothing that could be changed")


def _offer(target: str, version: int, data: bytes) -> Offer:
    try:
        value = msgspec.json.decode(data)
    except msgspec.DecodeError:
        return Offer(target=target, version=version, text="", shown="not readable here")
    masked = mask_json(value)
    key = target.rpartition(".")[2]
    if masked == value:
        masked = mask_json({key: value})[key]
    is_secret = bool(masked != value)
    text = "" if is_secret else _harmless(data.decode("utf-8", "replace"))
    shown = _harmless(msgspec.json.encode(masked).decode()) if is_secret else text
    return Offer(target=target, version=version, text=text, shown=shown, is_secret=is_secret)


def _harmless(text: str) -> str:
    """Return JSON text of the same value in which nothing can act on a terminal: such characters become JSON's escapes."""
    return "".join(each if visible(each, keep_newlines=False) == each else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    if character in "\n\r\t":
        return " "  # between values: inside of texts JSON has them escaped
    pair = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{pair[at : at + 2].hex()}" for at in range(0, len(pair), 2))


def _results(calls: Sequence[Call]) -> Iterator[tuple[str, int]]:
    """Yield (target, version) of each call that ended: by its place in a flow where it has one, with its count where it has namesakes."""
    counts: Counter[str] = Counter()
    which: list[int] = []
    for call in calls:
        counts.update({call.name, call.place} - {""})
        which.append(counts[call.place or call.name])
    for call, count in zip(calls, which, strict=True):
        name = call.place or call.name
        first = name.partition(".")[0].partition("[")[0]
        kind = "step:" if first in _RESERVED or name.startswith(_KINDS) else ""
        if call.ended:
            yield f"{kind}{name}" + (f"#{count}" if counts[name] > 1 else ""), call.ended


def _messages(prefix: Sequence[ev.RecordedEvent]) -> Iterator[tuple[str, int]]:
    asked: dict[int, str] = {}
    counts: Counter[str] = Counter()
    for recorded in prefix:
        if recorded.type not in ("signal_received", "input_requested", "input_received"):
            continue
        match recorded.event():
            case ev.InputRequested(number=number, name=name):
                asked[number] = name
                continue
            case ev.SignalReceived(name=name):
                target = f"signal:{name}"
            case ev.InputReceived(number=number):
                target = f"answer:{asked.get(number, '')}"
            case _:
                continue
        counts[target] += 1
        yield f"{target}#{counts[target]}", recorded.version


def _context(state: ExecutionState, calls: Sequence[Call], unseal: Callable[[bytes], bytes]) -> Iterator[Offer]:
    places = [call.completed for call in calls if call.place and call.completed]
    if not places:
        return
    for key, value in state.context_unsealed(unseal).as_dict().items():
        target = f"context.{key}"
        try:
            is_path = parse_path(f".{key}") == (key,)
        except NoSuchPlace:
            is_path = False
        if is_path:
            yield _offer(target, max(places), msgspec.json.encode(value))
