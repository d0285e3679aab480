"""Dead code: what nobody reads is not computed."""

from __future__ import annotations

from dataclasses import replace

from tinygrad_scratch.compiler.program import Program, Step, Variable


def remove_dead_code(program: Program) -> Program:
    """Without the steps, and the constants, that no output depends on; draws of random numbers stay."""
    needed: set[Variable] = set(program.outputs)
    kept: list[Step] = []
    for step in reversed(program.steps):
        if step.draws or any(result in needed for result in step.results):
            needed.update(step.operands)
            kept.append(step)
    constants = {variable: value for variable, value in program.constants.items() if variable in needed}
    return replace(program, steps=tuple(reversed(kept)), constants=constants)
