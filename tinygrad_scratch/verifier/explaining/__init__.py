"""Why a step is wrong: of all searches for a cause, the one that finds what a person did."""
