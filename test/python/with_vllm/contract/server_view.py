"""What a server says of its engines and blocks: pega.v1.Inspect."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import grpc

from pegaflow.client.messages import message_class


class ServerView:
    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address)

    def __enter__(self) -> ServerView:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._channel.close()

    def instances(self) -> list[Any]:
        return list(self._ask("ListInstances").instances)

    def namespaces(self) -> list[Any]:
        return list(self._ask("GetBlocks").namespaces)

    def totals(self) -> Any:
        return self._ask("GetPool").totals

    def left_over(self) -> dict[str, int]:
        """What engines hold or have begun; all zeroes when nothing is."""
        instances, namespaces = self.instances(), self.namespaces()
        return {
            "leases": sum(instance.leases for instance in instances),
            "held bytes": sum(instance.held_bytes for instance in instances),
            "bits": sum(instance.hold_file_bytes for instance in instances),
            "reserved": sum(namespace.reserved for namespace in namespaces),
            "pinned": sum(namespace.pinned for namespace in namespaces),
        }

    def _ask(self, method: str) -> Any:
        call = self._channel.unary_unary(
            f"/pega.v1.Inspect/{method}",
            request_serializer=message_class(f"{method}Request").SerializeToString,
            response_deserializer=message_class(f"{method}Response").FromString,
        )
        return call(message_class(f"{method}Request")(), timeout=10, wait_for_ready=True)
