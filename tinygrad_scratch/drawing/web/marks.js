// What is marked: the selected value, what it depends on and what depends on it, what was found, the step.

const state = { selected: null, ancestors: true, descendants: true, step: 0, words: [], match: -1 };

function reached(id, direction) {
  const found = new Set();
  const waiting = [id];
  while (waiting.length) {
    for (const next of nodes.get(waiting.pop())[direction]) {
      if (found.has(next)) continue;
      found.add(next);
      waiting.push(next);
    }
  }
  return found;
}

function mark() {
  const selected = state.selected;
  const before = selected && state.ancestors ? reached(selected, "inputs") : new Set();
  const after = selected && state.descendants ? reached(selected, "users") : new Set();
  const found = new Set(matches().map((node) => node.id));
  const now = stepState();
  const kinds = {
    selected: (id) => id === selected,
    ancestor: (id) => before.has(id),
    descendant: (id) => after.has(id),
    match: (id) => found.has(id),
    current: (id) => now.operation === id,
    receiving: (id) => now.receiving.has(id),
    reached: (id) => now.reached.has(id),
  };
  for (const [name, holdsFor] of Object.entries(kinds)) {
    for (const thing of drawn.values()) thing.element.classList.toggle(name, holdsFor(thing.id));
    for (const cluster of clusters.values()) {
      cluster.folded.classList.toggle(name, cluster.nodes.some((node) => holdsFor(node.id)));
    }
  }
  const path = { ancestor: new Set([...before, selected]), descendant: new Set([...after, selected]) };
  for (const edge of edges) {
    for (const [name, ids] of Object.entries(path)) {
      edge.element.classList.toggle(name, ids.size > 1 && ids.has(edge.value) && ids.has(edge.call));
    }
    edge.element.classList.toggle("current", edge.gradient && edge.call === now.operation);
    edge.element.classList.toggle("reached", edge.gradient && now.done.has(edge.call));
  }
  svg.classList.toggle("related", Boolean(selected) && (state.ancestors || state.descendants) && !state.step);
  svg.classList.toggle("searching", state.words.length > 0);
  svg.classList.toggle("stepping", state.step > 0);
  const first = selected ?? nodes.keys().next().value; // Tab leads to one value, from where the arrow keys go on
  for (const node of nodes.values()) {
    set(node.element, { tabindex: node.id === first ? 0 : -1, "aria-pressed": node.id === selected });
  }
  labelNumbers(now);
}

function select(id, { focus = true } = {}) {
  state.selected = id;
  if (id !== null) uncover(nodes.get(id));
  mark();
  showDetails();
  if (id === null) return;
  const { element } = nodes.get(id);
  if (focus) element.focus({ preventScroll: true });
  approach(element);
}

/** The nearest box that is seen in the direction of an arrow key. */
function walk(key) {
  const here = nodes.get(state.selected ?? data.steps[state.step - 1]?.node)?.element ?? document.activeElement;
  const from = centre(here.closest("g.node, g.folded, g.title") ?? svg);
  const [dx, dy] = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[key];
  const linked = state.selected && dy ? nodes.get(state.selected)[dy < 0 ? "inputs" : "users"] : [];
  const choices = linked.length ? linked.map((id) => nodes.get(id)) : [...nodes.values()];
  let best = null;
  let shortest = Infinity;
  for (const node of choices.filter(visible)) {
    const to = centre(node.element);
    const along = (to[0] - from[0]) * dx + (to[1] - from[1]) * dy;
    const aside = Math.abs((to[0] - from[0]) * dy) + Math.abs((to[1] - from[1]) * dx);
    if (along > 1 && along + 3 * aside < shortest) [best, shortest] = [node, along + 3 * aside];
  }
  if (best) select(best.id);
}

function centre(element) {
  const box = element.getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
}
