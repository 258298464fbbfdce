"""The store: histories, their projection, the inbox, logs, code, nodes. In our words; no SQL, no driver types.

Rules every adapter keeps, and `engine.testing.store_contract` checks:
- R1/R3: a commit moves an execution's row only if owner, epoch and last version are the expected ones, and only then
  inserts its events; an execution that does not pass is left out (`fenced`), its neighbours go through.
- R2: (execution_id, version) is unique besides.
- R4: an error at or after COMMIT raises `CommitInDoubt`.
- I12: the commit that ends an execution takes all its messages, read or not; a later one is refused or dropped.
- All or nothing per execution; `commit` returns only when the batch is as durable as the store's setting says.
- Owner and time decisions use the store's own clock (`now_us`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Literal, Protocol

from msgspec import Struct

from cerebelum.engine.domain.events import RecordedEvent
from cerebelum.engine.domain.execution import ExecutionRow, Status
from cerebelum.engine.domain.projection_inputs import OpenInput
from cerebelum.engine.ports.schedule_store import ScheduleStore


class Message(Struct, kw_only=True):
    """Something for an execution's inbox. Deduplicated by (execution_id, key) while the execution lives."""

    execution_id: str
    kind: str  # signal, cancel, pause, resume, child
    name: str = ""
    payload: bytes = b"null"
    sender: str = ""
    key: str = ""  # unique per execution; the store makes one when empty
    at_us: int = 0  # set by the store
    id: int = 0  # set by the store: ascending in order of arrival
    source: str = ""  # in a batch: written only if the append of this execution goes through


class LogLine(Struct, kw_only=True):
    """One captured line of a step."""

    execution_id: str
    number: int  # the step's command
    step: str
    attempt: int
    level: str  # debug, info, warning, error, critical, stdout, stderr
    at_us: int
    message: str
    metadata: bytes = b"{}"  # JSON object


class Start(Struct, kw_only=True):
    """A new execution: its row and first events. Skipped (`existing`) when the id is taken."""

    row: ExecutionRow
    events: Sequence[RecordedEvent]
    source: str = ""  # written only if the append of this execution (in the same batch) goes through
    blobs: Sequence[tuple[str, bytes]] = ()  # the journal moves them into the batch's


class Append(Struct, kw_only=True):
    """New events of an execution that this node owns, and its row after them.

    `row.owner` None hands the execution back (it waits); the store then sets `wake_at_us` to now if its inbox is not
    empty, so that no message is left lying.
    """

    row: ExecutionRow  # last_version: after the events
    expected_version: int
    owner: str
    epoch: int
    events: Sequence[RecordedEvent]
    consumed: Sequence[int] = ()  # message ids to delete
    # (id, JSON text) of consumed messages whose sender chose a key and reads the reply by it, while the execution lives
    replies: Sequence[tuple[int, bytes]] = ()


class Batch(Struct, kw_only=True):
    """One commit for many executions. `id` is unique: after a commit in doubt, `has_batch(id)` tells what happened."""

    id: str
    starts: Sequence[Start] = ()
    appends: Sequence[Append] = ()
    messages: Sequence[Message] = ()  # to other executions (a child's end, to its parent); dropped if that one ended
    logs: Sequence[LogLine] = ()
    blobs: Sequence[tuple[str, bytes]] = ()  # digest, content; existing digests are skipped
    # statements of `transactional` steps, run inside the transaction: (execution_id, sql, parameters)
    statements: Sequence[tuple[str, str, Sequence[object]]] = ()


class Committed(Struct, kw_only=True):
    """What a commit did: the ids left out. Everything not named here is durable."""

    fenced: frozenset[str] = frozenset()  # appends whose execution moved on under another owner, epoch or version
    refused: Mapping[str, str] = {}  # appends whose transactional step has SQL that failed: what the database said
    existing: frozenset[str] = frozenset()  # starts whose id was taken
    in_doubt: bool = False  # set by the journal only: the batch is there, but not known is what it left out


SHORT_DIGEST_DIGITS = 16  # 64 bits: enough to tell the versions of one workflow apart


class CodeVersion(Struct, kw_only=True):
    """One version of a workflow's code."""

    workflow: str
    version: int
    digest: str  # the whole one, which stored source is checked against
    module: str = ""
    entrypoint: str = ""  # qualified name of the function
    source: bytes | None = None  # bundle: JSON object path -> text; None: not kept
    graph: bytes | None = None
    inserted_at_us: int = 0

    @property
    def short_digest(self) -> str:
        """What definitions, executions and events name this version by: repeated millions of times, hence short."""
        return self.digest[:SHORT_DIGEST_DIGITS]


class NodeRow(Struct, kw_only=True):
    """A node and its lease."""

    nonce: str
    name: str  # for people: host:pid
    host: str  # boot and process namespace; "" if unknown
    pid: int
    lease_until_us: int
    started_at_us: int
    workflows: Sequence[str] = ()


class ExecutionFilter(Struct, kw_only=True):
    """All given conditions must hold."""

    workflow: str | None = None
    code: str | None = None  # short digest
    statuses: Sequence[Status] = ()
    current_step: str | None = None
    queue: str | None = None
    parent: str | None = None
    owner: str | None = None  # a node's nonce: what it holds in memory
    id_prefix: str | None = None
    started_from_us: int | None = None  # inclusive
    started_to_us: int | None = None  # inclusive
    before: tuple[int, str] | None = None  # page by key: (inserted_at_us, id) of the last row seen
    limit: int = 50  # 1 to 10,000


class Store(ScheduleStore, Protocol):
    """Where everything durable lives."""

    lease_ttl_us: int  # how long a node's lease lasts on this store
    name: str  # for messages: the URL without its password

    async def open(self) -> None:
        """Connect and check the schema. Raises `StoreError`s; creates an empty store where the URL names none."""
        ...

    async def close(self) -> None:
        """Release every connection. Idempotent."""
        ...

    async def now_us(self) -> int:
        """Return the store's clock."""
        ...

    # -- the hot path -----------------------------------------------------------------------------------------
    async def commit(self, batch: Batch) -> Committed:
        """Write the batch in one transaction; see the rules above."""
        ...

    async def has_batch(self, batch_id: str) -> bool:
        """Return whether the batch was committed. Kept for the newest batch of each node at least."""
        ...

    # -- claims -----------------------------------------------------------------------------------------------
    async def claim(self, owner: str, *, workflows: Sequence[str], limit: int) -> list[ExecutionRow]:
        """Take over due, unowned, open executions: set the owner, raise epoch and `claims`. Highest priority, then oldest.

        Due: `wake_at_us` <= now, for one of `workflows`. No execution is given to two owners.
        """
        ...

    async def claim_one(self, owner: str, execution_id: str) -> ExecutionRow | None:
        """Take over (or again: epoch + 1, claims + 1) one open execution that nobody else with a live lease owns."""
        ...

    async def next_wake_us(self, *, workflows: Sequence[str]) -> int | None:
        """Return the earliest `wake_at_us` of an unowned open execution, None if there is none."""
        ...

    async def release_dead(self, *, dead: Sequence[str] = ()) -> int:
        """Hand back the executions of nodes whose lease ran out, or that `dead` names (nonces); return how many.

        They become due at once. Their node rows are removed.
        """
        ...

    # -- nodes ------------------------------------------------------------------------------------------------
    async def join(self, node: NodeRow) -> None:
        """Insert the node with a lease of `lease_ttl_us` from now."""
        ...

    async def announce(self, nonce: str, workflows: Sequence[str]) -> None:
        """Say which workflows a node knows by now. One that is not there any more stays away: only `join` enters."""
        ...

    async def leave(self, nonce: str) -> None:
        """Remove the node; its executions become due for others."""
        ...

    def renew_lease(self, nonce: str) -> int | None:
        """Blocking, for the lease keeper's own thread and connection: extend by `lease_ttl_us` from now.

        Return the new end by the store's clock, or None when the node is not there any more (fenced).
        """
        ...

    async def nodes(self) -> list[NodeRow]: ...

    # -- inbox ------------------------------------------------------------------------------------------------
    async def post(self, message: Message) -> Message | None:
        """Add to an open execution's inbox and make it due; return it with its id, or None for a known key.

        Raises:
            ExecutionNotFound: no such execution.
            ForbiddenTransition: it has ended.
        """
        ...

    async def inbox(self, owner: str, *, after_id: int = 0) -> list[Message]:
        """Return the messages for executions that `owner` holds, with an id above `after_id`, in order of arrival."""
        ...

    async def inbox_of(self, execution_id: str) -> list[Message]:
        """Return one execution's messages, in order of arrival."""
        ...

    async def read_reply(self, execution_id: str, key: str) -> bytes | None:
        """Return the reply to a consumed message; None: no such message, not consumed yet, or no reply was given."""
        ...

    # -- reading ----------------------------------------------------------------------------------------------
    async def read_history(
        self, execution_id: str, *, after_version: int = 0, to_version: int | None = None, limit: int | None = None
    ) -> list[RecordedEvent]:
        """Return the events in version order; [] for an unknown execution."""
        ...

    async def read_histories(
        self, execution_ids: Sequence[str], *, for_recovery: bool = False
    ) -> dict[str, list[RecordedEvent]]:
        """Return histories by id, in one round trip: what a claim of many executions reads.

        Args:
            for_recovery: of an execution that has a checkpoint, the first event and those from the checkpoint on.
        """
        ...

    async def last_event(self, execution_id: str) -> RecordedEvent | None: ...

    async def get_execution(self, execution_id: str) -> ExecutionRow | None: ...

    async def list_executions(self, query: ExecutionFilter) -> list[ExecutionRow]:
        """Return matching rows, newest first (by insertion, then id)."""
        ...

    async def pending_inputs(self) -> list[OpenInput]:
        """Return what open executions ask of people and nobody has answered, the longest wait first.

        Read from the histories of the executions whose `current_step` begins with "input ".
        """
        ...

    async def count_executions(self) -> dict[Status, int]: ...

    async def count_owned(self) -> dict[str, dict[str, int]]:
        """Return how many executions each owner holds, by queue: nonce -> queue -> number."""
        ...

    async def read_blob(self, digest: str) -> bytes | None: ...

    async def read_logs(self, execution_id: str, *, after_id: int = 0, limit: int = 1000) -> list[tuple[int, LogLine]]:
        """Return (id, line) in order of writing."""
        ...

    # -- code -------------------------------------------------------------------------------------------------
    async def register(self, code: CodeVersion) -> CodeVersion:
        """Store the code unless (workflow, digest) is there; return it with its version number (1, 2, 3 …).

        The newest version of a workflow is the one registered last: going back to earlier source makes that one
        newest again under a new number.
        """
        ...

    async def get_code(
        self, workflow: str, *, version: int | None = None, digest: str | None = None
    ) -> CodeVersion | None:
        """Return the given version, the newest with that digest, short or whole, or the newest."""
        ...

    async def list_workflows(self) -> list[CodeVersion]:
        """Return the newest version of each workflow."""
        ...

    # -- wake-ups and upkeep ----------------------------------------------------------------------------------
    def watch(self) -> AsyncIterator[Literal["changed"]]:
        """Yield whenever another process may have written: a hint, coalesced; polling covers lost ones."""
        ...

    async def rebuild(self, row: ExecutionRow) -> None:
        """Replace an ended or unowned execution's row by one projected anew from its history."""
        ...

    async def delete_execution(self, execution_id: str) -> None:
        """Remove an ended execution with its events, logs and messages.

        Raises:
            ForbiddenTransition: it is still open.
        """
        ...

    async def delete_workflow(self, workflow: str) -> None:
        """Remove a workflow's versions. Raises `ForbiddenTransition` while executions of it exist."""
        ...
