"""What every store must do: the suite that each adapter's tests inherit. Needs pytest and pytest-asyncio (auto mode).

    class TestMyStore(StoreContract):
        @pytest.fixture
        async def store(self) -> AsyncIterator[Store]: ...            # opened, on an empty database

        @pytest.fixture
        async def second_store(self, store) -> AsyncIterator[Store]: ...  # another connection to the same database

The races run on both, so that two connections truly meet. Row ids (F5, R1 …) name the requirements that a test keeps.
"""

from __future__ import annotations

from cerebelum.engine.testing.store_contract_claims import ClaimContract
from cerebelum.engine.testing.store_contract_commit import CommitContract
from cerebelum.engine.testing.store_contract_data import DataContract
from cerebelum.engine.testing.store_contract_inbox import InboxContract
from cerebelum.engine.testing.store_contract_schedules import ScheduleContract


class StoreContract(CommitContract, ClaimContract, InboxContract, DataContract, ScheduleContract):
    """All of it. No `Test` prefix: pytest collects the subclasses only."""
