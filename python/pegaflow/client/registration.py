"""Registration: one process's place with one server, for one boot: opened whole, lost whole.

When it is lost, nothing is granted or given back any more; copies that run end well, then its
owner closes it. Until then the memory stays: the server takes this process for alive.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from pegaflow.client.engine_id import engine_id_for
from pegaflow.client.pega_client import PegaClient
from pegaflow.client.records import Identity, Layout, Registered, SessionReport
from pegaflow.client.session import Session
from pegaflow.errors import PegaError
from pegaflow.native.library import Library
from pegaflow.native.memory import EngineMemory

logger = logging.getLogger(__name__)

BOOT_TIMEOUT_S = 2.0
WELCOME_TIMEOUT_S = 5.0


class Registration:
    def __init__(
        self,
        client: PegaClient,
        registered: Registered,
        memory: EngineMemory,
        session: Session,
        *,
        engine_id: bytes,
        epoch: int,
        rank_count: int,
    ) -> None:
        """Use Registration.open."""
        self.client = client
        self.memory = memory
        self.engine_id = engine_id
        self.epoch = epoch
        self.rank_count = rank_count
        self.boot_number = registered.boot_number
        self.token = registered.token
        self.slab_bytes = registered.slab_bytes
        self.warning = registered.warning
        """Of the server, for the log; often empty."""
        self._session = session
        self._lock = threading.Lock()
        self._lost_because: str | None = None
        self._when_lost: list[Callable[[], None]] = []
        session.when_over(lambda over: self.lose(over.message))

    @classmethod
    def open(
        cls,
        client: PegaClient,
        library: Library,
        *,
        run_id: str,
        epoch: int,
        rank: int | None,
        rank_count: int,
        identity: Identity | None,
        layout: Layout | None,
        device: str,
        name: str,
    ) -> Registration:
        """`rank` None: the scheduler side, which must give the identity.

        PEGA_NOT_FOUND: a worker, and the scheduler side has not registered yet. PEGA_STALE_BOOT:
        the server restarted meanwhile. PEGA_ALREADY_EXISTS: an older registration of this process
        for the same run, boot and epoch is not closed. In each case: try again.
        """
        engine_id = engine_id_for(run_id, client.boot_number(BOOT_TIMEOUT_S), epoch)
        registered = client.register(
            engine_id=engine_id,
            rank=rank,
            identity=identity,
            layout=layout,
            shared_layout_version=library.shared_layout_version,
            device=device,
            name=name,
        )
        if engine_id != engine_id_for(run_id, registered.boot_number, epoch):
            raise PegaError("PEGA_STALE_BOOT", "the server restarted during the registration")
        memory = EngineMemory.open(
            library,
            folder=registered.folder,
            slab_folder=registered.slab_folder,
            pool_id=registered.pool_id,
            engine_id=engine_id,
            nonce=registered.nonce,
            record=0 if rank is None else 1 + rank,
            rank_count=rank_count,
            slab_bytes=registered.slab_bytes,
            ordinal_capacity=registered.ordinal_capacity,
            boot_number=registered.boot_number,
        )
        try:
            session = _welcomed(client, engine_id, rank, registered)
        except BaseException:
            memory.close()
            raise
        return cls(
            client,
            registered,
            memory,
            session,
            engine_id=engine_id,
            epoch=epoch,
            rank_count=rank_count,
        )

    @property
    def lost(self) -> bool:
        return self._lost_because is not None

    @property
    def lost_because(self) -> str | None:
        return self._lost_because

    def lose(self, reason: str) -> None:
        """Once; later reasons are ignored. Any thread."""
        with self._lock:
            if self._lost_because is not None:
                return
            self._lost_because = reason
            callbacks, self._when_lost = self._when_lost, []
        for callback in callbacks:
            _call(callback)

    def when_lost(self, callback: Callable[[], None]) -> None:
        """Calls back once, on the thread that loses it; at once if it is lost already."""
        with self._lock:
            if self._lost_because is None:
                self._when_lost.append(callback)
                return
        _call(callback)

    def poll(self) -> None:
        """Looks at the boot number in shared memory: no call."""
        if self.lost:
            return
        try:
            boot_number = self.memory.boot_number()
        except PegaError as error:
            self.lose(error.message)
            return
        if boot_number != self.boot_number:
            # 0 also while a server that starts writes its header.
            self.lose("the server restarted" if boot_number else "the pool restarts or was removed")

    def takes_report(self) -> bool:
        """False while the server does not read those before: decisions would be lost."""
        return self._session.takes_report()

    def report(self, report: SessionReport) -> None:
        self._session.report(report)

    def close(self) -> None:
        """May be called again. PEGA_INVALID_ARGUMENT while a Transfer on its memory is open."""
        self.lose("this side closed the registration")
        self._session.close()
        self.memory.close()


def _welcomed(
    client: PegaClient, engine_id: bytes, rank: int | None, registered: Registered
) -> Session:
    session = client.open_session(
        engine_id=engine_id,
        rank=rank,
        nonce=registered.nonce,
        boot_number=registered.boot_number,
    )
    try:
        session.wait_welcome(WELCOME_TIMEOUT_S)
    except PegaError:
        session.close()
        raise
    return session


def _call(callback: Callable[[], None]) -> None:
    try:
        callback()
    except Exception:
        logger.exception("pega: what follows the loss of a registration failed")
