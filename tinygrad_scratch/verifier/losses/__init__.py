"""Which value is the loss, where nobody said."""
