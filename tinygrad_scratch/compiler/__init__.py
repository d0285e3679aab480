"""The compiler: a computation written down as a program, and the program as NumPy source or native code."""
