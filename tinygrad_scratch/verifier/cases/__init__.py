"""A case: what is known of a run when judging begins, and which of its steps is the first wrong one."""
