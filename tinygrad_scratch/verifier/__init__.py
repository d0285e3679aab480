"""A person's own backprop, as they wrote it, against autodiff."""

from tinygrad_scratch.verifier.check import verify

__all__ = ["verify"]
