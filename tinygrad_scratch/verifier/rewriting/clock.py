"""The time that this thread has taken, without that of others on a busy machine."""

from __future__ import annotations

import time
from typing import ClassVar


class Clock:
    """Tells the seconds; the system is asked ten times a second at most, as on some it takes milliseconds to tell."""

    seldom: ClassVar = 0.1  # seconds

    def __init__(self) -> None:
        self.asked, self.told = time.monotonic(), time.thread_time()

    def now(self) -> float:
        """The seconds of this thread, up to a tenth of a second ago."""
        now = time.monotonic()
        if now - self.asked > self.seldom:
            self.asked, self.told = now, time.thread_time()
        return self.told
