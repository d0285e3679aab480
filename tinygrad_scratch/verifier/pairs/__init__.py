"""Which gradient belongs to which parameter, wherever it is kept: in steps, in rows, clipped, or shaken."""
