// The backward pass, one operation at a time.

/** What is known of the gradient after the step: which cotangents are there, and which parts come now. */
function stepState() {
  const now = { operation: null, receiving: new Map(), reached: new Set(), done: new Set() };
  if (!state.step) return now;
  const steps = data.steps.slice(0, state.step);
  for (const step of steps) {
    now.reached.add(step.node);
    now.done.add(step.node);
    for (const part of step.parts) now.reached.add(part.to);
  }
  for (const output of data.outputs) now.reached.add(output);
  const last = steps.at(-1);
  now.operation = last.node;
  for (const part of last.parts) now.receiving.set(part.to, part.sum ?? arrived(part));
  return now;
}

function goTo(step) {
  state.step = Math.min(data.steps.length, Math.max(0, step));
  state.selected = null;
  if (graph.contains(document.activeElement)) document.activeElement.blur(); // what had the focus is not what is shown
  mark();
  showDetails();
  if (!state.step) return;
  const current = data.steps[state.step - 1];
  const shown = [current.node, ...current.parts.map((part) => part.to)].map((id) => nodes.get(id)).filter(Boolean);
  const numbers = graph.querySelectorAll(".number");
  approach(...shown.map((node) => standsFor(node)?.folded ?? node.element), ...numbers);
}

/** The numbers of a part: its own, or those of the gradient where it is all of it. */
function arrived(part) {
  return part.whole ? nodes.get(part.to)?.data.gradient : part.numbers;
}

/** Beside the operation of the step and what it passes its cotangent to: the number, or the norm of the numbers. */
function labelNumbers(now) {
  for (const old of graph.querySelectorAll(".number")) old.remove();
  if (!now.operation) return;
  const shown = new Map([[now.operation, nodes.get(now.operation).data.gradient], ...now.receiving]);
  for (const [id, numbers] of shown) {
    const node = nodes.get(id);
    if (!node || !numbers || !visible(node)) continue;
    const [, x, y] = node.element.getAttribute("transform").match(/\(([-\d.e]+) ([-\d.e]+)/).map(Number);
    const at = { class: "number", x: node.box.x + node.box.width + x - 4, y: node.box.y + node.box.height + y + 12 };
    add(graph, "text", at, numbers.brief);
  }
}
