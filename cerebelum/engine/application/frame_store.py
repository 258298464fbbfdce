"""Keeps all frames of a history small, and gives any of them back at once.

A frame says again most of what the one before it said, so frames are kept in blocks: what several frames of a block
have in common (a task's stack, an open wait) is there once, and a block is compressed. Blocks beyond some megabytes lie
in a temporary file. To show a frame, one block is read.

*Instead of* keyframes and a walk from the nearest: suspended coroutines cannot be copied, so the nearest keyframe of a
running program is always its beginning, and a step back at event 50,000 would take seconds.
"""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from typing import Any

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from cerebelum.engine.application.spool import Spool
from cerebelum.engine.domain.projection import OpenWait
from cerebelum.engine.runtime.frames import Frame, TaskStack

BLOCK_FRAMES = 64
_KEPT_BLOCKS = 4  # decoded, for the walk from frame to frame
_LEVEL = 1  # of compression: the blocks repeat themselves so much that more effort gains little


class _Packed(Struct, array_like=True):
    frame: Frame  # without what follows
    tasks: list[int]  # numbers of the block's parts
    open: list[int]


class _Block(Struct, array_like=True):
    parts: list[Raw]
    frames: list[_Packed]


_encode = msgspec.msgpack.Encoder().encode
_decode_block = msgspec.msgpack.Decoder(_Block).decode
_decode_task = msgspec.msgpack.Decoder(TaskStack).decode
_decode_wait = msgspec.msgpack.Decoder(OpenWait).decode


class FrameStore:
    """Frames by their position, from 0. One thread may add while others read."""

    def __init__(self, *, memory_bytes: int | None = None) -> None:
        self._spool = Spool() if memory_bytes is None else Spool(memory_bytes=memory_bytes)
        self._lock = threading.Lock()
        self._fresh: list[Frame] = []  # of the block that is not full yet
        self._count = 0
        self._kept: OrderedDict[int, _Block] = OrderedDict()

    def __len__(self) -> int:
        return self._count

    @property
    def size_bytes(self) -> int:
        """What the full blocks take."""
        return self._spool.size_bytes

    def append(self, frame: Frame) -> None:
        """Add a frame behind the others."""
        if len(self._fresh) == BLOCK_FRAMES:
            packed = _packed(self._fresh)
            with self._lock:
                self._spool.append(packed)
                self._fresh = []
        with self._lock:
            self._fresh.append(frame)
            self._count += 1

    def __getitem__(self, position: int) -> Frame:
        """Return a frame.

        Raises:
            IndexError: there is none (yet).
        """
        if not 0 <= position < self._count:
            raise IndexError(position)
        number, within = divmod(position, BLOCK_FRAMES)
        with self._lock:
            if number >= len(self._spool):
                return self._fresh[within]
            return _unpacked(self._block(number), within)

    def close(self) -> None:
        """Let go of everything. Idempotent."""
        self._spool.close()

    def _block(self, number: int) -> _Block:
        block = self._kept.get(number)
        if block is None:
            block = self._kept[number] = _decode_block(zlib.decompress(self._spool.read(number)[0]))
            if len(self._kept) > _KEPT_BLOCKS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(number)
        return block


def _packed(frames: list[Frame]) -> bytes:
    numbers: dict[bytes, int] = {}
    known: dict[int, int] = {}  # by identity: most frames share the very objects; all of them live until the end here

    def number_of(part: Any) -> int:
        number = known.get(id(part))
        if number is None:
            number = known[id(part)] = numbers.setdefault(_encode(part), len(numbers))
        return number

    packed = [
        _Packed(
            replace(frame, tasks=[], open=[]),
            [number_of(task) for task in frame.tasks],
            [number_of(wait) for wait in frame.open],
        )
        for frame in frames
    ]
    return zlib.compress(_encode(_Block([Raw(part) for part in numbers], packed)), _LEVEL)


def _unpacked(block: _Block, within: int) -> Frame:
    packed = block.frames[within]
    tasks = [_decode_task(block.parts[number]) for number in packed.tasks]
    waits = [_decode_wait(block.parts[number]) for number in packed.open]
    return replace(packed.frame, tasks=tasks, open=waits)
