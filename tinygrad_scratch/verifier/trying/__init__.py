"""The smallest change of a person's source with which all gradients are right, found by making it and running it."""
