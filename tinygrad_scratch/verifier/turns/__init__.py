"""The turns of a loop that trains: which of them is made, and judged."""
