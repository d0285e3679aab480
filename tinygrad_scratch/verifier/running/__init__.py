"""A person's functions, changed, run again: with what they read put back as it was, within a limit, and in silence."""
