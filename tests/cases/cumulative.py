"""Cases of rules/cumulative.py."""

from __future__ import annotations
