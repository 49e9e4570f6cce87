"""Which CopyDevice a KV cache needs: all of it in CPU memory, or all on one GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pegaflow.worker.cuda_device import CudaDevice
from pegaflow.worker.device import CopyDevice, HostDevice
from pegaflow.worker.layout import TensorLike, UnsupportedLayout


def choose_device(
    tensors: Iterable[TensorLike], *, threads: int, current_stream: Callable[[int], int]
) -> CopyDevice:
    """`threads`: that copy on the host. `current_stream`: of a GPU, for CudaDevice. Raises
    UnsupportedLayout for devices that this version does not copy from."""
    names = sorted({str(tensor.device) for tensor in tensors})
    if names == ["cpu"]:
        return HostDevice(threads)
    kind, _, ordinal = names[0].partition(":") if len(names) == 1 else ("", "", "")
    if kind == "cuda" and ordinal.isdecimal():
        return CudaDevice(int(ordinal), current_stream)
    raise UnsupportedLayout(
        f"the KV cache is on {', '.join(names)}; required is a KV cache in CPU memory or on one "
        "NVIDIA GPU"
    )
