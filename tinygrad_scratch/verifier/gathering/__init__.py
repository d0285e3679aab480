"""What there is to be judged: the gradients of a run, and whose they are."""
