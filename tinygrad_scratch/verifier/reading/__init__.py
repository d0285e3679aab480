"""A person's source: what its text says, without running it."""
