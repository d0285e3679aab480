"""Cases of rules/linalg.py."""

from __future__ import annotations
