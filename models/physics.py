"""A differential equation, solved by a network that never sees the solution: `python -m models.physics`.

The equation is that of Burgers, of a fluid that carries itself along and rubs against itself:

    u_t + u u_x = viscosity u_xx,    for x and t from 0 to 1,    u(0, t) = u(1, t) = 0

Its first derivatives and the second one are those of the network with respect to its inputs. The loss is how far they
are from the equation, and its gradient with respect to the weights differentiates them once more. Source: Raissi,
Perdikaris and Karniadakis, "Physics-informed neural networks" (2019); that the conditions at the edges are built into
the network is from Lagaris, Likas and Fotiadis, "Artificial neural networks for solving ordinary and partial
differential equations" (1998).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from models.show import make_console, plot, tracked, verdict
from tinygrad_scratch.nn import Adam, CosineDecay, Dense, Module, Sequential
from tinygrad_scratch.tensor import Tensor

SEED = 0
VISCOSITY = 0.1
STEEPNESS = 1.5
STEPS = 2000
POINTS = 128
LEARNING_RATE = 0.01
WANTED = 0.01
GRAPH, CURVES = "physics.svg", "physics_curves.svg"


def exact(x: Any, t: Any) -> Any:
    """u(x, t), for arrays that broadcast; at time 0, it is what the network is told.

    u = -2 viscosity p_x / p solves the equation of Burgers wherever p solves that of heat, p_t = viscosity p_xx. Here p
    is STEEPNESS + exp(-pi**2 viscosity t) cos(pi x). Source: Cole, "On a quasi-linear parabolic equation occurring in
    aerodynamics" (1951); the solution by Wood, "An exact solution for Burger's equation" (2006).
    """
    decay = np.exp(-(np.pi**2) * VISCOSITY * t)
    return 2 * np.pi * VISCOSITY * decay * np.sin(np.pi * x) / (STEEPNESS + decay * np.cos(np.pi * x))


class Solution(Module):
    """u(x, t), for x and t of shape (n, 1): what it begins as, and what the network adds, which is 0 at the edges."""

    def __init__(self, generator: np.random.Generator) -> None:
        self.network = Sequential(
            Dense(2, 20, np.tanh, generator=generator),
            Dense(20, 20, np.tanh, generator=generator),
            Dense(20, 20, np.tanh, generator=generator),
            Dense(20, 1, generator=generator),
        )

    def __call__(self, x: Any, t: Any) -> Any:
        return exact(x, 0.0) + t * x * (1 - x) * self.network(np.concatenate([x, t], axis=-1))


def residual(u: Any, x: Tensor, t: Tensor) -> Tensor:
    """How far u, computed from x and t, is from the equation at each point: 0 for a solution."""
    u_x, u_t = np.sum(u).gradient(x, t, create_graph=True)
    (u_xx,) = np.sum(u_x).gradient(x, create_graph=True)
    return u_t + u * u_x - VISCOSITY * u_xx  # type: ignore[no-any-return]


def loss_at(solution: Any, x: Any, t: Any) -> Tensor:
    """The mean of the squared residual at the points (x, t)."""
    x, t = Tensor(x, requires_grad=True, name="x"), Tensor(t, requires_grad=True, name="t")
    return np.mean(residual(solution(x, t), x, t) ** 2)  # type: ignore[no-any-return]


def train(solution: Solution, generator: np.random.Generator, steps: int) -> list[float]:
    """The loss at each step, on points drawn anew."""
    optimizer = Adam(solution.parameters(), LEARNING_RATE)
    schedule = CosineDecay(LEARNING_RATE, steps)
    losses = []
    for step in tracked(range(steps), "Solving"):
        optimizer.learning_rate = schedule(step)
        loss = loss_at(solution, *generator.uniform(size=(2, POINTS, 1)))
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


def at_time(solution: Any, t: float) -> tuple[Any, Any, Any]:
    """Places x from 0 to 1, and there at time t what the network says and what is so, each of shape (101,)."""
    x = np.linspace(0, 1, 101)
    found = np.asarray(solution(x[:, None], np.full((101, 1), t)).numpy())[:, 0]
    return x, found, exact(x, t)


def relative_error(solution: Any) -> float:
    """The norm of the error over that of the solution, on a grid of 101 places and 51 times."""
    pairs = [at_time(solution, t)[1:] for t in np.linspace(0, 1, 51)]
    found, true = (np.array(part) for part in zip(*pairs, strict=True))
    return float(np.linalg.norm(found - true) / np.linalg.norm(true))


def main() -> int:
    """Solve, compare with the exact solution, and draw; 0 where it is as near as wanted, else 1."""
    from rich import box
    from rich.table import Table

    from tinygrad_scratch.drawing import draw

    console = make_console()
    generator = np.random.default_rng(SEED)
    solution = Solution(generator)
    console.print(
        f"The equation of Burgers, u_t + u u_x = {VISCOSITY} u_xx, and a network that is to solve it from what u is at "
        f"time 0 and at the edges:\n\n{solution.network!r}\n",
        markup=False,
    )
    losses = train(solution, generator, STEPS)
    console.print(
        f"[bold]1. Learning.[/] In {STEPS} steps, the mean squared distance from the equation fell from "
        f"{losses[0]:.2g} to {np.mean(losses[-100:]):.2g}.\n"
    )

    table = Table("time", "exact: highest", "at x", "network: highest", "at x", "largest error", box=box.SIMPLE_HEAD)
    for t in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, found, true = at_time(solution, t)
        peaks = [text for u in (true, found) for text in (f"{u.max():.4f}", f"{x[u.argmax()]:.2f}")]
        table.add_row(f"{t:g}", *peaks, f"{np.max(np.abs(found - true)):.1e}")
    error = relative_error(solution)
    good = error <= WANTED
    console.print("[bold]2. The wave[/], beside the exact solution, which the network never saw:")
    console.print(table)
    console.print(
        f"Over all places and times, the error is {error:.2%} of the solution: "
        f"{verdict(good, f'{WANTED:.0%} or less', f'more than {WANTED:.0%}')}\n"
    )

    def paint(figure: Any) -> None:
        axes = figure.subplots()
        for t, shade in ((0.0, "0.7"), (0.25, "C0"), (0.5, "C1"), (1.0, "C2")):
            x, found, true = at_time(solution, t)
            axes.plot(x, found, color=shade, label=f"network, t = {t:g}")
            axes.plot(x[::5], true[::5], "o", color=shade, markersize=3)
        axes.set(title="u(x, t); dots: the exact solution", xlabel="x")
        axes.legend(fontsize="small")

    console.print(f"The wave at four times: {plot(CURVES, (6, 3.5), paint)}\n")
    x, t = generator.uniform(size=(2, 4, 1))
    total = np.sum(solution(Tensor(x, requires_grad=True, name="x"), Tensor(t, requires_grad=True, name="t")))
    total.name = "J"
    draw(total).save(GRAPH)
    console.print(f"[bold]3. The graph of u at four points, with the way back to its derivatives, is in {GRAPH}[/].")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
