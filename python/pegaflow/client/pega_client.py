"""PegaClient: the way to one server. Failures are PegaErrors; it repeats nothing by itself.

It connects at the first call. A call that finds no server fails at once. Any thread may use it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, Protocol

import grpc

from pegaflow.client import messages
from pegaflow.client.failures import EndedCall, failure_of
from pegaflow.client.records import Identity, Layout, Registered
from pegaflow.client.session import Session
from pegaflow.errors import PegaError

PROTOCOL_VERSION = 1
MESSAGE_BYTES_MAX = 8 * 1024 * 1024
REGISTER_TIMEOUT_S = 5.0

_CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    # A server that comes back is found soon, not after a backoff of minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    # How long one attempt may take, whatever its name says: a busy server is not an absent one.
    ("grpc.min_reconnect_backoff_ms", 5000),
    # Repeating a call is its caller's decision: ids make that safe, a library does not know them.
    ("grpc.enable_retries", 0),
    # Nothing outside this host has a say in the connection, nor another channel of the process.
    ("grpc.enable_http_proxy", 0),
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.use_local_subchannel_pool", 1),
]


class PathFuture(EndedCall, Protocol):
    """A call under way: what is used of grpc's."""

    def result(self) -> Any: ...
    def cancel(self) -> object: ...
    def add_done_callback(self, fn: Callable[[Any], None]) -> None: ...


class _Channel:
    """A gRPC channel and its calls."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address, options=_CHANNEL_OPTIONS)
        self.path = {method: self._unary("Pega", method) for method in messages.PATH_METHODS}
        self.register = self._unary("Pega", "Register")
        self.get_pool = self._unary("Inspect", "GetPool")
        self.session = self._channel.stream_stream(
            f"/{messages.PACKAGE}.Pega/Session",
            request_serializer=messages.SessionRequest.SerializeToString,
            response_deserializer=messages.message_class("SessionResponse").FromString,
        )

    def close(self) -> None:
        self._channel.close()

    def _unary(self, service: str, method: str) -> grpc.UnaryUnaryMultiCallable[Any, Any]:
        return self._channel.unary_unary(
            f"/{messages.PACKAGE}.{service}/{method}",
            request_serializer=messages.message_class(f"{method}Request").SerializeToString,
            response_deserializer=messages.message_class(f"{method}Response").FromString,
        )


class PegaClient:
    def __init__(self, address: str) -> None:
        """`address`: "unix:///path", "unix:/path" or "host:port"."""
        self.address = address
        self._lock = threading.Lock()
        self._closed = False
        self._channel = _Channel(address)

    def boot_number(self, timeout_s: float) -> int:
        """The running server's. A registration begins with it: where nobody answers, the next call
        connects anew. A channel of gRPC 1.76 or older may need 5 s to find a server again."""
        channel = self._channel
        try:
            answer = self._wait(channel.get_pool, messages.GetPoolRequest(), timeout_s)
        except PegaError as error:
            if error.code == "PEGA_UNAVAILABLE":
                self._replace(channel)
            raise
        return int(answer.boot_number)

    def register(
        self,
        *,
        engine_id: bytes,
        rank: int | None,
        identity: Identity | None,
        layout: Layout | None,
        shared_layout_version: int,
        device: str,
        name: str,
        timeout_s: float = REGISTER_TIMEOUT_S,
    ) -> Registered:
        """`rank` None: the scheduler side. A worker may leave `identity` to its engine's."""
        request = messages.RegisterRequest(
            protocol_version=PROTOCOL_VERSION,
            shared_layout_version=shared_layout_version,
            engine_id=engine_id,
            role=role_of(rank),
            rank=rank or 0,
            identity=None if identity is None else _identity(identity),
            layout=None if layout is None else _layout(layout),
            device=device,
            client=name,
            pid=os.getpid(),
        )
        answer = self._wait(self._channel.register, request, timeout_s)
        return Registered(
            boot_number=answer.boot_number,
            pool_id=answer.pool_id,
            folder=answer.folder,
            slab_folder=answer.slab_folder,
            slab_bytes=answer.slab_bytes,
            ordinal_capacity=answer.ordinal_capacity,
            nonce=answer.nonce,
            token=answer.token,
            namespace_digest=answer.namespace_digest,
            warning=answer.warning,
        )

    def open_session(
        self, *, engine_id: bytes, rank: int | None, nonce: bytes, boot_number: int
    ) -> Session:
        hello = messages.SessionHello(
            engine_id=engine_id,
            role=role_of(rank),
            rank=rank or 0,
            nonce=nonce,
            boot_number=boot_number,
        )
        if self._closed:
            raise self._gone()
        try:
            return Session(self._channel.session, hello, self.address)
        except ValueError:  # closed in between
            raise self._gone() from None

    def start(self, method: str, request: Any, timeout_s: float) -> PathFuture:
        """Sends a call of the path ("Query", …) without waiting. Its outcome: outcome_of()."""
        future: PathFuture = self._start(self._channel.path[method], request, timeout_s)
        return future

    def outcome_of(self, future: PathFuture) -> Any | PegaError:
        """The answer of a call that has ended, or its failure."""
        if future.code() is grpc.StatusCode.OK:
            return future.result()
        return failure_of(future, self.address)

    def close(self) -> None:
        """Calls under way fail at once, sessions end."""
        with self._lock:
            self._closed = True
            self._channel.close()

    def _replace(self, failed: _Channel) -> None:
        """Nothing is lost: calls and sessions of a channel that reaches nobody are over."""
        with self._lock:
            if self._channel is failed and not self._closed:
                self._channel = _Channel(self.address)
                failed.close()

    def _wait(
        self, call: grpc.UnaryUnaryMultiCallable[Any, Any], request: Any, timeout_s: float
    ) -> Any:
        future = self._start(call, request, timeout_s)
        future.exception()  # waits
        outcome = self.outcome_of(future)
        if isinstance(outcome, PegaError):
            raise outcome
        return outcome

    def _start(
        self, call: grpc.UnaryUnaryMultiCallable[Any, Any], request: Any, timeout_s: float
    ) -> Any:
        if self._closed:
            raise self._gone()
        try:
            return call.future(request, timeout=timeout_s)
        except ValueError:  # closed in between
            raise self._gone() from None

    def _gone(self) -> PegaError:
        if self._closed:
            return PegaError("PEGA_CANCELLED", f"the client of {self.address} is closed")
        return PegaError("PEGA_UNAVAILABLE", f"no pega server answers at {self.address}")


def role_of(rank: int | None) -> int:
    return messages.ROLE_SCHEDULER if rank is None else messages.ROLE_WORKER


def _identity(identity: Identity) -> Any:
    return messages.Identity(
        fields=identity.fields,
        block_tokens=identity.block_tokens,
        hash_bytes=identity.hash_bytes,
        rank_count=identity.rank_count,
        rank_slot_bytes=identity.rank_slot_bytes,
    )


def _layout(layout: Layout) -> Any:
    return messages.Layout(
        allocations=[messages.LayoutAllocation(bytes=count) for count in layout.allocation_bytes],
        segments=[
            messages.LayoutSegment(
                layer=segment.layer,
                allocation=segment.allocation,
                offset_bytes=segment.offset_bytes,
                block_stride_bytes=segment.block_stride_bytes,
                bytes=segment.bytes,
            )
            for segment in layout.segments
        ],
        block_count=layout.block_count,
    )
