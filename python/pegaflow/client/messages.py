"""The message classes of pega.v1, made at import from pega_v1.binpb: no generated code.

Generated code fits one range of protobuf runtimes; a descriptor fits all of them, and vLLM's
releases bring several. scripts/write-descriptor.mjs writes the file from proto/pega/v1/pega.proto.
Classes made at run time have no static types; records.py has what leaves this folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

PACKAGE = "pega.v1"
ROLE_SCHEDULER = 1
ROLE_WORKER = 2


def _load() -> DescriptorPool:
    # A pool of its own: whatever else lives in this process may have messages of the same name.
    pool = DescriptorPool()
    files = FileDescriptorSet.FromString(Path(__file__).with_name("pega_v1.binpb").read_bytes())
    for file in files.file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


_POOL = _load()


def message_class(name: str) -> Any:
    return GetMessageClass(_POOL.FindMessageTypeByName(f"{PACKAGE}.{name}"))


def request_class(method: str) -> Any:
    return _REQUESTS[method]


Caller = message_class("Caller")
Identity = message_class("Identity")
Layout = message_class("Layout")
# Not as attributes of Layout: the runtime in pure Python makes none.
LayoutAllocation = message_class("Layout.Allocation")
LayoutSegment = message_class("Layout.Segment")
RegisterRequest = message_class("RegisterRequest")
SessionRequest = message_class("SessionRequest")
SessionHello = message_class("SessionHello")
SessionReport = message_class("SessionReport")
GetPoolRequest = message_class("GetPoolRequest")
PATH_METHODS = ("Query", "Release", "Reserve", "Seal", "Abandon")

_REQUESTS = {method: message_class(f"{method}Request") for method in PATH_METHODS}
