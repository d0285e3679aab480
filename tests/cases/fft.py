"""Cases of rules/fft.py."""

from __future__ import annotations
