// Folding: a module's frame becomes one box, and the box the frame.

function foldedBox(cluster, words) {
  const box = add(graph, "g", { class: "folded" });
  actAsButton(box, `Module ${words}`, () => toggle(cluster));
  box.setAttribute("aria-expanded", "false");
  const operations = total(cluster.nodes.map((node) => node.data.count ?? 0));
  const parameters = total(cluster.nodes.map((node) => node.data.parameters ?? 0));
  const counts = [count(operations, "operation")];
  if (parameters) counts.push(count(parameters, "parameter"));
  const under = add(box, "rect", { class: "under" });
  const over = add(box, "rect", { class: "over" });
  const lines = [
    add(box, "text", { "font-weight": "bold", "font-size": "13", y: "18" }, `${shortened(words, cluster.box.width)} ⊞`),
    add(box, "text", { "font-size": "10", y: "33" }, counts.join(", ")),
  ];
  const width = Math.max(...lines.map((line) => line.getBBox().width)) + 24;
  const height = 43;
  for (const line of lines) line.setAttribute("x", width / 2);
  set(under, { x: 3, y: 3, width, height, rx: 5 });
  set(over, { x: 0, y: 0, width, height, rx: 5 });
  const { x, y } = cluster.box;
  cluster.small = { x: x + (cluster.box.width - width) / 2, y: y + (cluster.box.height - height) / 2, width, height };
  return box;
}

function shortened(words, width) {
  const most = Math.max(16, Math.floor(width / 8));
  return words.length > most ? `${words.slice(0, most - 1)}…` : words;
}

/** A module's box stands below all that it is made from, as far as its frame reaches, so that arrows point down. */
function placeFoldedBoxes() {
  for (const cluster of clusters.values()) {
    const own = new Set(cluster.nodes);
    const given = cluster.nodes.flatMap((node) => node.inputs.map((id) => nodes.get(id)));
    const outside = given.filter((node) => !own.has(node));
    const lowest = Math.max(...outside.map((node) => node.box.y + node.box.height)) + 3 * MARGIN;
    const { y, height } = cluster.box;
    cluster.small.y = Math.min(Math.max(cluster.small.y, lowest), y + height - cluster.small.height);
  }
}

/** The closed module that stands for a node or a module, the outermost one, or null where it is seen itself. */
function standsFor(thing) {
  let found = null;
  for (const outer of around(thing)) if (!outer.open) found = outer;
  return found;
}

const visible = (thing) => standsFor(thing) === null;
const inside = (cluster) => ({ cluster: cluster.parent });

function toggle(cluster) {
  const anchor = cluster.open ? cluster.head : cluster.folded;
  const before = anchor.getBoundingClientRect();
  const hadFocus = anchor === document.activeElement;
  cluster.open = !cluster.open;
  refresh();
  const now = cluster.open ? cluster.head : cluster.folded;
  const after = now.getBoundingClientRect();
  pan(before.x - after.x, before.y - after.y);
  if (hadFocus) now.focus();
  reveal(now);
}

function toggleAll(open) {
  for (const cluster of clusters.values()) cluster.open = open;
  refresh();
  fit();
}

function uncover(node) {
  const closed = around(node).filter((cluster) => !cluster.open);
  for (const cluster of closed) cluster.open = true;
  if (closed.length) refresh();
}

const MANY = 150; // values and modules: inner modules are closed at first where more would be seen

/** Opens modules from the outside in, one depth after the other, as long as not too much is seen. */
function openOuter() {
  for (const cluster of clusters.values()) cluster.open = false;
  const depth = (cluster) => around(inside(cluster)).length;
  for (let level = 0; [...clusters.values()].some((cluster) => depth(cluster) === level); level++) {
    const opened = [...clusters.values()].filter((cluster) => depth(cluster) === level);
    for (const cluster of opened) cluster.open = true;
    const seen = [...nodes.values(), ...[...clusters.values()].map(inside)].filter(visible).length;
    if (seen <= MANY || !level) continue;
    for (const cluster of opened) cluster.open = false;
    return;
  }
}

function refresh() {
  arrange();
  mark();
}
