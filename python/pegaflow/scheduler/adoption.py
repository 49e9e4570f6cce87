"""Adoption: who closes a registration that was lost.

The link's thread opens and loses registrations, the scheduler's thread uses them. A registration
that the scheduler's thread has taken may still have copies running when it is lost, so that thread
closes it; one that it never took is closed by the link's.
"""

from __future__ import annotations

import threading

from pegaflow.client.registration import Registration


class Adoption:
    """The scheduler's thread where it has used it, else the link's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._adopted: Registration | None = None

    def adopt(self, registration: Registration) -> bool:
        """False: it was lost meanwhile, and is none of the caller's business."""
        with self._lock:
            if registration.lost:
                return False
            self._adopted = registration
            return True

    def lost(self, registration: Registration) -> None:
        with self._lock:
            adopted = registration is self._adopted
        if not adopted:
            registration.close()
