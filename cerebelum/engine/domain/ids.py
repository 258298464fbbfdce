"""Ids: of executions, nodes and events."""

from __future__ import annotations

import hashlib
import os
import re
import uuid

from cerebelum.engine.domain.errors import InvalidExecutionId

_GENERATED = re.compile(r"exec-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_CHOSEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}")


class ExecutionId:
    """Ids of executions are plain text: `exec-<uuid4>`, or what the caller chose (`order-1042`)."""

    @staticmethod
    def new() -> str:
        """Return a fresh random id."""
        return f"exec-{uuid.UUID(bytes=os.urandom(16), version=4)}"

    @staticmethod
    def valid(text: object) -> bool:
        """Return whether `text` is of the generated form `exec-<uuid4>`."""
        return isinstance(text, str) and _GENERATED.fullmatch(text) is not None

    @staticmethod
    def chosen(text: object) -> str:
        """Return `text` as an id.

        Raises:
            InvalidExecutionId: it is empty, longer than 200, or holds other characters than a-z A-Z 0-9 . _ : / -
        """
        if not isinstance(text, str) or _CHOSEN.fullmatch(text) is None:
            raise InvalidExecutionId(text)
        return text


def child_id(parent_id: str, number: int) -> str:
    """Return the id of the child that command `number` of `parent_id` starts: the same on every replay."""
    digest = hashlib.blake2b(f"{parent_id}/{number}".encode(), digest_size=16).digest()
    return f"exec-{uuid.UUID(bytes=digest, version=4)}"


def event_id(execution_id: str, version: int) -> uuid.UUID:
    """Return the event's id: a UUID in version-4 form made from its key, so that it takes no room in the store."""
    return uuid.UUID(bytes=hashlib.blake2b(f"{execution_id}#{version}".encode(), digest_size=16).digest(), version=4)


def idempotency_key(execution_id: str, number: int) -> str:
    """Return the key of step `number`: the same for every attempt, after every crash."""
    return f"{execution_id}/{number}"


def new_nonce() -> str:
    """Return a node's owner nonce: random, new at every start and every rejoin."""
    return os.urandom(9).hex()
