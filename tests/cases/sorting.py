"""Cases of rules/sorting.py."""

from __future__ import annotations
