"""The usual mistakes, each as a search: a change of the calls of a step that undoes it, tried out.

A search yields what it found; the first one of the first search that finds something is the cause.
"""

from __future__ import annotations

from tinygrad_scratch.verifier.causes.chains import slope_of_another, slope_within, slope_without_formula
from tinygrad_scratch.verifier.causes.derivatives import (
    factor_left_out,
    factor_too_many,
    gradient_of_another,
    missing_derivative,
    nothing_from_above,
    operand_without_slope,
    slope_is_another,
    upstream_left_out,
)
from tinygrad_scratch.verifier.causes.entries import places
from tinygrad_scratch.verifier.causes.factors import odd_ratio, ratio, written_factor
from tinygrad_scratch.verifier.causes.handed_out import put_beside
from tinygrad_scratch.verifier.causes.held import diagonal, held_constant
from tinygrad_scratch.verifier.causes.lacking import operand_without_factor, operand_without_term, rename_without
from tinygrad_scratch.verifier.causes.layout import layout, turned_round
from tinygrad_scratch.verifier.causes.neighbours import beside_it
from tinygrad_scratch.verifier.causes.numbers import number_for_value, one_left_out, value_for_number
from tinygrad_scratch.verifier.causes.operands import operands
from tinygrad_scratch.verifier.causes.operations import argument_negated, comparisons, negated, operations
from tinygrad_scratch.verifier.causes.paths import (
    assigned_entries,
    never_renewed,
    never_written,
    overwritten,
    overwritten_on_the_way,
    parts_left_out,
    skipped,
)
from tinygrad_scratch.verifier.causes.penalties import penalty
from tinygrad_scratch.verifier.causes.renaming import another_value
from tinygrad_scratch.verifier.causes.single import (
    broadcasting,
    doubled,
    dropped,
    dropped_term,
    exponent,
    literal,
    one_factor,
)
from tinygrad_scratch.verifier.causes.state import (
    changed_under_way,
    damaged_value,
    each_updated,
    later_state,
    through_views,
    updated_too_early,
    written_on_the_way,
)
from tinygrad_scratch.verifier.causes.sums import fewer_entries, other_axes, reductions
from tinygrad_scratch.verifier.causes.targets import targets_left_out
from tinygrad_scratch.verifier.causes.whole_numbers import integers

EXPLANATIONS = (
    put_beside, never_written, integers, another_value, reductions, damaged_value, written_factor,
    written_on_the_way, later_state, changed_under_way, through_views, updated_too_early, each_updated, ratio,
    argument_negated, overwritten, overwritten_on_the_way, rename_without, skipped, assigned_entries,
    penalty, exponent, parts_left_out, missing_derivative, layout, comparisons, broadcasting,
    operations, negated, dropped_term, doubled, beside_it, places, slope_of_another, operands, number_for_value,
    one_left_out, gradient_of_another, dropped, factor_left_out, operand_without_slope, upstream_left_out,
    slope_within, operand_without_factor, one_factor, literal, slope_without_formula, fewer_entries, other_axes,
    diagonal, held_constant, slope_is_another, factor_too_many, value_for_number, targets_left_out,
    operand_without_term, odd_ratio, nothing_from_above, never_renewed, turned_round,
)  # fmt: skip

MADE_UP = (
    ratio, parts_left_out, missing_derivative, negated, factor_left_out, operand_without_slope, upstream_left_out,
    slope_within, operand_without_factor, one_factor, diagonal, held_constant, slope_is_another, factor_too_many,
    value_for_number, operand_without_term, odd_ratio, nothing_from_above, one_left_out, slope_without_formula,
    gradient_of_another,
)  # fmt: skip
"""What puts in something that isn't there, or names no change at all: a change of what is there is likelier."""

RIVALLED = slope_of_another, operands, slope_within, doubled  # beside which others may mend as much
SMALLER = exponent, literal, dropped  # also where their text isn't known
RIVALS = operands, operand_without_factor
