"""PegaError: every failure that this package's rooms tell each other.

The codes are those of docs/errors.md, wherever the failure arose: in the server, in libpega, or
here. It never reaches vLLM: the connector answers a failure with a miss.
"""

from __future__ import annotations


class PegaError(Exception):
    """str() is "CODE: message"."""

    def __init__(self, code: str, message: str, advice: str = "") -> None:
        """`message`: what was found and what is required; `advice`: what to try, where known."""
        super().__init__(code, message, advice)
        self.code = code
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"
