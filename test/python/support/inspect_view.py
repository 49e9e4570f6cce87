"""What the server says of itself, as `pega inspect` sees it."""

from __future__ import annotations

from typing import Any

import grpc

from pegaflow.client import messages


def get_pool(address: str) -> Any:
    return _call(address, "GetPool")


def list_instances(address: str) -> Any:
    return _call(address, "ListInstances").instances


def _call(address: str, method: str) -> Any:
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(
            f"/{messages.PACKAGE}.Inspect/{method}",
            request_serializer=messages.message_class(f"{method}Request").SerializeToString,
            response_deserializer=messages.message_class(f"{method}Response").FromString,
        )
        return call(messages.message_class(f"{method}Request")(), timeout=10)
