"""The readable printing of a program: what a careful person would have written by hand."""
