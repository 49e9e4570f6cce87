"""The id under which all processes of one engine register, found by each of them alone."""

from __future__ import annotations

from hashlib import blake2b

ENGINE_ID_BYTES = 16


def engine_id_for(run_id: str, boot_number: int, epoch: int) -> bytes:
    """`run_id`: the same in all processes of one run. Another boot or epoch is another engine."""
    digest = blake2b(digest_size=ENGINE_ID_BYTES, person=b"pega engine id")
    digest.update(boot_number.to_bytes(8, "little"))
    digest.update(epoch.to_bytes(8, "little"))
    digest.update(run_id.encode())
    return digest.digest()
