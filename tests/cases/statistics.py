"""Cases of rules/statistics.py."""

from __future__ import annotations
