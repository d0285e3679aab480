"""The smallest change of a person's source with which all gradients are right, found by making it and running it.

The searches for causes change recorded calls. This one changes the text as a person would, and so it reaches what no
call shows: an index, the range of a loop, the order of two lines, `=` for `+=`, two names for one array.
"""
