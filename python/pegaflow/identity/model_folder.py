"""Where the model's files lie on this machine: a folder, a file, or Hugging Face's local snapshot.

Never goes to the network: vLLM has the files already, or reads them from where we can't.
"""

from __future__ import annotations

import os

from pegaflow.identity.facts import WeightsSource


def find_model(source: WeightsSource) -> str | None:
    if os.path.exists(source.model):
        return source.model
    if "://" in source.model:
        return None
    return _hugging_face_snapshot(source)


def _hugging_face_snapshot(source: WeightsSource) -> str | None:
    """download_dir is where vLLM lets Hugging Face keep its snapshots; None: its usual place."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        return None
    try:
        folder = snapshot_download(
            source.model,
            revision=source.revision,
            cache_dir=source.download_folder,
            local_files_only=True,
        )
    except Exception:  # many kinds, by version: not there, not a repository's name, …
        return None
    return str(folder)
