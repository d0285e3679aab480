"""Cases of rules/choosing.py."""

from __future__ import annotations
