"""Derivatives of statistics: averages, quantiles, covariances, histograms, and the reductions that ignore NaN."""

from __future__ import annotations
