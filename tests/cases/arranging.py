"""Cases of rules/arranging.py."""

from __future__ import annotations
