from tinygrad_scratch.verifier.check import verify

__all__ = ["verify"]
