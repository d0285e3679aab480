"""Timing of peers side by side: rounds in turn, so that a slower moment of the machine meets them all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def ratios(
    peers: dict[str, Callable[[], object]], baseline: str, rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, tuple[float, float]]:
    """For each peer the median of its times in seconds, and the median over rounds of its time by the baseline's.

    On a busy machine time.process_time is the steadier clock: what waits for its turn costs nothing by it.
    """
    times: dict[str, list[float]] = {name: [] for name in peers}
    for run in peers.values():
        run()
    for _ in range(rounds):
        for name, run in peers.items():
            start = clock()
            run()
            times[name].append(clock() - start)
    return {
        name: (statistics.median(own), statistics.median(a / b for a, b in zip(own, times[baseline], strict=True)))
        for name, own in times.items()
    }
