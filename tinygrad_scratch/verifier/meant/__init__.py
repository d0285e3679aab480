"""What differs from the gradient and is meant: conventions, and steps that no slope goes through."""
