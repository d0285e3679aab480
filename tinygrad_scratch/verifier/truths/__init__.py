"""What is true: the gradient of a loss with respect to every recorded value."""
