"""What a gRPC call that failed means: the server's own PegaError, or that nobody answered."""

from __future__ import annotations

from typing import Any, Protocol

import grpc

from pegaflow.errors import PegaError

_CODE_KEY = "pega-code"
_TRY = "\nTry: "
_CODES = {
    grpc.StatusCode.DEADLINE_EXCEEDED: "PEGA_TIMEOUT",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "PEGA_LIMIT",
    grpc.StatusCode.UNIMPLEMENTED: "PEGA_UNSUPPORTED",
}
_SENTENCES = {
    "PEGA_UNAVAILABLE": "no pega server answers at {target}: {reason}",
    "PEGA_TIMEOUT": "the server at {target} did not answer in time",
}
_NOT_ANSWERED = frozenset(("PEGA_UNAVAILABLE", "PEGA_TIMEOUT"))
_UNWELL = _NOT_ANSWERED | {"PEGA_INTERNAL", "PEGA_IO"}
_DISOWNED = frozenset(("PEGA_STALE_BOOT", "PEGA_NOT_FOUND", "PEGA_NOT_SAME_HOST"))


class EndedCall(Protocol):
    """What is read of a call of grpc's."""

    def code(self) -> grpc.StatusCode: ...
    def details(self) -> str: ...
    def trailing_metadata(self) -> Any: ...


def failure_of(call: EndedCall, target: str) -> PegaError:
    """`call` has ended, not with OK."""
    status = call.code()
    details = call.details() or ""
    code = _server_code(call)
    if code is not None:
        message, _, advice = details.partition(_TRY)
        return PegaError(code, message.removeprefix(f"{code}: "), advice)
    # Whatever status a connection that breaks gives a call, INTERNAL and UNKNOWN among them: no
    # handler has answered. What this side could not read or write is another matter.
    code = _CODES.get(status, "PEGA_UNAVAILABLE")
    if status is grpc.StatusCode.INTERNAL and "serializing" in details:
        code = "PEGA_INTERNAL"
    sentence = _SENTENCES.get(code, "the call to {target} failed: {reason}")
    return PegaError(code, sentence.format(target=target, reason=details or str(status)))


def answered(error: PegaError) -> bool:
    """The server has decided, and asking again would not change it."""
    return error.code not in _NOT_ANSWERED


def unwell(error: PegaError) -> bool:
    """The server is gone, slow or broken; other answers are only about the call."""
    return error.code in _UNWELL


def disowned(error: PegaError) -> bool:
    """The server does not know this engine any more: nothing that it granted is valid."""
    return error.code in _DISOWNED


def _server_code(call: EndedCall) -> str | None:
    for key, value in call.trailing_metadata() or ():
        if key == _CODE_KEY:
            return value if isinstance(value, str) else value.decode()
    return None
