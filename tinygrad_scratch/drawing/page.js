// The page around a drawing: zoom, search, folding of modules, details of a value, and the backward pass step by step.
// The picture is Graphviz's SVG; boxes, frames and arrows are found by their <title>. Text is only ever set as text.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const canvas = document.getElementById("canvas");
const panel = document.getElementById("panel");
const svg = canvas.querySelector("svg");
const NAMESPACE = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);

// ---- making elements -----------------------------------------------------------------------------------------------

function add(parent, tag, attributes = {}, ...children) {
  const inSvg = parent instanceof SVGElement;
  const element = inSvg ? document.createElementNS(NAMESPACE, tag) : document.createElement(tag);
  set(element, attributes);
  element.append(...children);
  parent.append(element);
  return element;
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}

const total = (numbers) => numbers.reduce((sum, number) => sum + number, 0);

function count(number, word) {
  return `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;
}

// ---- the picture as Graphviz drew it -------------------------------------------------------------------------------

const stage = document.createElementNS(NAMESPACE, "g"); // what zoom and pan move
const graph = svg.querySelector("g.graph");
const nodes = new Map(); // by id: what Python knows of a value (data), its element and box, its inputs and users
const clusters = new Map(); // by id: a module, its frame (element, head, box, title), its box when closed (folded, small)
const drawn = new Map(); // by name in the picture: the values, and the mentions of values that are far away
const edges = []; // arrows, the shortest first: the ids of a value and a call, and what is drawn at the ends (tail, head)
const directions = new Set(data.edges.map((edge) => edge.join(" ")));

function boxOf(element) {
  const { x, y, width, height } = element.getBBox();
  return { x, y, width, height };
}

function readPicture() {
  for (const name of ["viewBox", "width", "height"]) svg.removeAttribute(name);
  set(svg, { role: "group", "aria-label": `Graph of ${data.summary}` });
  svg.append(stage);
  stage.append(graph);
  const titled = new Map();
  for (const title of [...svg.querySelectorAll("title")]) {
    titled.set(title.parentNode, title.textContent);
    title.remove();
  }
  for (const cluster of data.clusters) {
    clusters.set(cluster.id, { id: cluster.id, data: cluster, open: true, nodes: [], element: null });
  }
  for (const cluster of clusters.values()) cluster.parent = clusters.get(cluster.data.parent) ?? null;
  for (const element of graph.querySelectorAll("g.node")) {
    const name = titled.get(element);
    if (name in data.nodes) addNode(element, name);
    else if (element.classList.contains("mention")) addMention(element, name);
    else drawn.set(name, { id: name, name, element, box: boxOf(element), cluster: null }); // a neuron: just a picture
  }
  data.outputs = data.outputs.filter((id) => nodes.has(id));
  data.steps = data.steps.filter((step) => nodes.has(step.node));
  for (const element of graph.querySelectorAll("g.cluster")) addFrame(element, titled.get(element));
  for (const [id, cluster] of clusters) if (!cluster.element) clusters.delete(id); // nothing in it is drawn
  for (const element of graph.querySelectorAll("g.edge")) addEdge(element, titled.get(element));
  for (const [source, target] of data.edges) {
    if (!nodes.has(source) || !nodes.has(target)) continue;
    nodes.get(source).users.push(target);
    nodes.get(target).inputs.push(source);
  }
  edges.sort((one, other) => one.length - other.length);
  placeFoldedBoxes();
}

function addNode(element, id) {
  const known = data.nodes[id];
  const cluster = clusters.get(known.cluster) ?? null;
  const node = { id, name: id, element, data: known, box: boxOf(element), cluster, inputs: [], users: [] };
  nodes.set(id, node);
  drawn.set(id, node);
  for (const outer of around(node)) outer.nodes.push(node);
  const words = [known.title, known.kind, known.call, known.shape && `shape ${known.shape}`, known.dtype];
  actAsButton(element, [...words, ...(known.troubles ?? [])].filter(Boolean).join(", "), () => select(id));
}

/** Far from a value stands its title beside the call that uses it; it is named after both. */
function addMention(element, name) {
  const [id, call] = name.split("_");
  const cluster = clusters.get(data.nodes[call].cluster) ?? null;
  drawn.set(name, { id, name, element, box: boxOf(element), cluster });
  actAsButton(element, `${data.nodes[id].title}, which is elsewhere`, () => select(id));
  set(element, { tabindex: -1 });
}

function addFrame(element, id) {
  const cluster = clusters.get(id);
  if (!cluster) return;
  const words = cluster.data.path ? `${cluster.data.path}: ${cluster.data.title}` : cluster.data.title;
  const texts = [...element.querySelectorAll("text")];
  const head = add(element, "g", { class: "title" });
  head.append(...texts);
  const title = boxOf(head);
  const at = { x: title.x + title.width + 6, y: title.y + title.height - 3 };
  add(head, "text", { class: "mark", "font-size": 13, ...at }, "⊟");
  Object.assign(cluster, { element, head, box: boxOf(element), title: boxOf(head) });
  actAsButton(head, `Module ${words}`, () => toggle(cluster));
  head.setAttribute("aria-expanded", "true");
  cluster.folded = foldedBox(cluster, words);
}

function actAsButton(element, label, action) {
  set(element, { role: "button", tabindex: 0, "aria-label": label });
  element.addEventListener("click", action);
}

function addEdge(element, title) {
  const [tail, head] = title.split("->").map((end) => drawn.get(end.split(":")[0]));
  const turned = !directions.has(`${tail.id} ${head.id}`); // as in a drawing of the backward pass alone
  const [value, call] = turned ? [head.id, tail.id] : [tail.id, head.id];
  const line = element.querySelector("path");
  const shapes = [...element.querySelectorAll("path, polygon, polyline")];
  const texts = [...element.querySelectorAll("text")].map((text) => ({ text, box: boxOf(text) }));
  const points = pairs(line.getAttribute("d"));
  const gradient = element.classList.contains("gradient");
  const back = gradient && !turned; // the arrow's head is at its beginning
  set(element, { "aria-hidden": true });
  element.classList.toggle("back", back);
  const length = line.getTotalLength();
  edges.push({ value, call, tail, head, gradient, back, element, line, shapes, texts, points, length });
}

const PAIR = /(-?[\d.]+),(-?[\d.]+)/g;
const pairs = (text) => [...text.matchAll(PAIR)].map((pair) => [Number(pair[1]), Number(pair[2])]);

function around(node) {
  const found = [];
  for (let cluster = node.cluster; cluster; cluster = cluster.parent) found.push(cluster);
  return found; // innermost first
}

// ---- folding: a module's frame becomes one box, and the room that it took is taken out of the picture ---------------

const MARGIN = 14; // kept free around every box; an arrow's head is 10 long
const KEPT = 12; // of the length of each piece that is taken out, so that arrows within it stay in order

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

function arrange() {
  const frames = [...clusters.values()].filter((cluster) => visible(inside(cluster)));
  const closed = frames.filter((cluster) => !cluster.open);
  const open = frames.filter((cluster) => cluster.open);
  const seen = [...drawn.values()].filter(visible);
  const taken = [...seen.map((node) => node.box), ...closed.map((c) => c.small), ...open.map((c) => c.title)];
  const across = squeeze(closed.map((c) => [c.box.x, c.box.x + c.box.width]), taken.map((b) => [b.x, b.x + b.width]));
  const down = squeeze(closed.map((c) => [c.box.y, c.box.y + c.box.height]), taken.map((b) => [b.y, b.y + b.height]));
  const place = ([x, y]) => [across(x), down(y)];
  for (const thing of drawn.values()) {
    show(thing.element, visible(thing));
    move(thing.element, thing.box, place);
  }
  for (const cluster of clusters.values()) {
    show(cluster.element, open.includes(cluster));
    show(cluster.folded, closed.includes(cluster));
    moveTo(cluster.folded, cluster.small, place);
    move(cluster.head, cluster.title, place);
    for (const shape of cluster.element.querySelectorAll(":scope > path, :scope > polygon")) bend(shape, place);
  }
  const boxes = [...seen.map((node) => [node, node.box]), ...closed.map((cluster) => [cluster, cluster.small])];
  const obstacles = boxes.map(([of, box]) => ({ of, box: placed(box, place) }));
  const done = new Set();
  for (const edge of edges) arrangeEdge(edge, place, obstacles, done);
}

/** A rising map of one axis: the rooms shrink, except for what is taken and a margin around it. */
function squeeze(rooms, taken) {
  const free = [];
  const solid = merged(taken.map(([low, high]) => [low - MARGIN, high + MARGIN]));
  for (const [low, high] of merged(rooms)) {
    let from = low;
    for (const [start, end] of solid) {
      if (end <= from || start >= high) continue;
      if (start > from) free.push([from, start]);
      from = Math.max(from, end);
    }
    if (from < high) free.push([from, high]);
  }
  return (at) => {
    let result = at;
    for (const [low, high] of free) {
      if (at <= low) break;
      result -= (Math.min(at, high) - low) * Math.max(0, 1 - KEPT / (high - low));
    }
    return result;
  };
}

function merged(intervals) {
  const found = [];
  for (const [low, high] of [...intervals].sort((a, b) => a[0] - b[0])) {
    const last = found.at(-1);
    if (last && low <= last[1]) last[1] = Math.max(last[1], high);
    else found.push([low, high]);
  }
  return found;
}

function show(element, on) {
  element.classList.toggle("hidden", !on);
}

function move(element, box, place) {
  const [x, y] = place([box.x, box.y]);
  element.setAttribute("transform", `translate(${x - box.x} ${y - box.y})`);
}

function moveTo(element, box, place) {
  const [x, y] = place([box.x, box.y]);
  element.setAttribute("transform", `translate(${x} ${y})`);
}

function placed(box, place) {
  const [x, y] = place([box.x, box.y]);
  return { ...box, x, y };
}

function bend(shape, place) {
  const name = shape.tagName === "path" ? "d" : "points";
  shape.original ??= shape.getAttribute(name);
  const mapped = (_, x, y) => place([Number(x), Number(y)]).map((n) => n.toFixed(2)).join(",");
  shape.setAttribute(name, shape.original.replace(PAIR, mapped));
}

/** Of several arrows between two boxes one is drawn, the shortest, which comes first. */
function arrangeEdge(edge, place, obstacles, done) {
  const { tail, head } = edge;
  const [from, to] = [standsFor(tail), standsFor(head)];
  const key = `${from?.id ?? tail.name} ${to?.id ?? head.name} ${edge.gradient}`;
  const isFirst = !(from || to) || !done.has(key);
  done.add(key);
  show(edge.element, isFirst && !(from && from === to));
  edge.element.classList.toggle("rerouted", Boolean(from || to));
  for (const shape of edge.shapes) bend(shape, place);
  for (const { text, box } of edge.texts) move(text, box, place);
  if (!(from || to)) return;
  const others = obstacles.filter(({ of }) => of !== (from ?? tail) && of !== (to ?? head));
  const points = direct(edge, from, to, place, others) ?? aroundOthers(edge, from, to, place);
  const [first, ...rest] = points.map((point) => point.map((n) => n.toFixed(2)).join(","));
  edge.line.setAttribute("d", `M${first}C${rest.join(" ")}`);
}

/** The curve straight from one end to the other, or null where it would run upward or through another box. */
function direct(edge, from, to, place, others) {
  const [x, y] = place(from ? port(from, 1, edge) : edge.points[0]);
  const [endX, endY] = place(to ? port(to, -1, edge) : edge.points.at(-1));
  if (endY < y) return null;
  const middle = (y + endY) / 2;
  for (let t = 0.05; t < 1; t += 0.05) {
    const [a, b, c, d] = [(1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t ** 2, t ** 3];
    const point = [(a + b) * x + (c + d) * endX, a * y + (b + c) * middle + d * endY];
    if (others.some(({ box }) => holds(box, point))) return null;
  }
  return [[x, y], [x, middle], [endX, middle], [endX, endY]];
}

/** Graphviz's own curve, which goes around what is in the way, from where it leaves the frames of closed modules. */
function aroundOthers(edge, from, to, place) {
  let points = edge.points;
  if (from) points = leave(points, from, 1, edge);
  if (to) points = leave([...points].reverse(), to, -1, edge).reverse();
  return points.map(place);
}

/** A curve that begins inside a module's frame, begun anew at the foot (1) or the head (-1) of the module's box. */
function leave(points, cluster, side, edge) {
  const start = port(cluster, side, edge);
  let end = 3;
  for (let i = 0; i < points.length - 1; i += 3) if (holds(cluster.box, points[i])) end = i + 3;
  end = Math.min(end, points.length - 1);
  const [x, y] = points[end];
  const middle = (start[1] + y) / 2;
  const onward = points[end + 1];
  const second = onward ? [2 * x - onward[0], 2 * y - onward[1]] : [x, middle];
  return [start, [start[0], middle], second, ...points.slice(end)];
}

/** Where arrows end at a module's box: values to the left, gradients to the right, with room for an arrow's head. */
function port({ small: { x, y, width, height } }, side, { gradient, back }) {
  const head = back === (side === 1) ? 11 : 0;
  const shadow = head && side === 1 ? 2 : 0;
  return [x + width * (gradient ? 0.65 : 0.35), side === 1 ? y + height + head + shadow : y - head];
}

function holds(box, [x, y]) {
  return x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height;
}

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

// ---- zoom and pan --------------------------------------------------------------------------------------------------

const LARGEST = 1.4; // scale of a small picture in a large window
const READABLE = 0.85; // the scale from which on all can be read well
const view = { x: 0, y: 0, scale: 1 };

function apply() {
  stage.setAttribute("transform", `translate(${view.x} ${view.y}) scale(${view.scale})`);
}

function pan(dx, dy) {
  view.x += dx;
  view.y += dy;
  apply();
}

/** Zooms in or out of a point of the window, which stays in its place. */
function zoom(factor, point = centre(canvas)) {
  const room = canvas.getBoundingClientRect();
  const [x, y] = [point[0] - room.left, point[1] - room.top];
  const scale = Math.min(8, Math.max(0.02, view.scale * factor));
  view.x = x - ((x - view.x) * scale) / view.scale;
  view.y = y - ((y - view.y) * scale) / view.scale;
  view.scale = scale;
  apply();
}

/** Shows the whole picture; or, where that would be too small to read, its width from the top. */
function fit(readable = 0) {
  const box = stage.getBBox();
  const room = [canvas.clientWidth - 40, canvas.clientHeight - 40];
  const [wide, high] = [room[0] / box.width, room[1] / box.height];
  view.scale = Math.min(LARGEST, Math.max(Math.min(wide, high), Math.min(Math.max(wide, readable / 2), readable)));
  view.x = Math.max(20, 20 + (room[0] - box.width * view.scale) / 2) - box.x * view.scale;
  view.y = Math.max(20, 20 + (room[1] - box.height * view.scale) / 2) - box.y * view.scale;
  apply();
}

/** Moves the picture as little as needed for elements to be seen; where not all fit in, for the first of them. */
function reveal(...elements) {
  const room = canvas.getBoundingClientRect();
  const boxes = elements.map((element) => element.getBoundingClientRect()).filter((box) => box.width);
  if (!boxes.length) return;
  const edge = Math.min(40, room.width / 10);
  const nearer = (start, end) => {
    const [from, to] = [room[start] + edge, room[end] - edge];
    let [low, high] = [Math.min(...boxes.map((box) => box[start])), Math.max(...boxes.map((box) => box[end]))];
    if (high - low > to - from) [low, high] = [boxes[0][start], boxes[0][end]];
    if (low < from || high - low > to - from) return from - low;
    return high > to ? to - high : 0;
  };
  pan(nearer("left", "right"), nearer("top", "bottom"));
}

/** Reveals elements, and comes nearer where they are too small to be made out. */
function approach(...elements) {
  if (view.scale < READABLE / 3) zoom(READABLE / view.scale, centre(elements[0]));
  reveal(...elements);
}

const pointers = new Map();
let dragged = false;

function startDrag(event) {
  if (event.button) return;
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
  dragged = false;
}

function drag(event) {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const now = [event.clientX, event.clientY];
  if (!dragged && Math.hypot(now[0] - before[0], now[1] - before[1]) < 4) return;
  dragged = true;
  svg.setPointerCapture(event.pointerId);
  const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
  if (others.length) pinch(others[0], before, now);
  else pan(now[0] - before[0], now[1] - before[1]);
  pointers.set(event.pointerId, now);
}

function pinch(still, before, now) {
  const distance = (point) => Math.hypot(point[0] - still[0], point[1] - still[1]);
  zoom(distance(now) / Math.max(1, distance(before)), still);
}

function endDrag(event) {
  pointers.delete(event.pointerId);
}

function listenToPointers() {
  svg.addEventListener("pointerdown", startDrag);
  svg.addEventListener("pointermove", drag);
  for (const name of ["pointerup", "pointercancel"]) svg.addEventListener(name, endDrag);
  svg.addEventListener("click", (event) => dragged && event.detail && event.stopPropagation(), true); // 0 for a key
  svg.addEventListener("click", (event) => !event.target.closest("[role=button]") && select(null));
  const wheel = (event) => {
    event.preventDefault();
    const factor = Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)); // deltas are lines or pixels
    zoom(factor, [event.clientX, event.clientY]);
  };
  svg.addEventListener("wheel", wheel, { passive: false });
}

// ---- what is marked: the selected value, what it depends on and what depends on it, what was found, the step --------

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
  const here = nodes.get(state.selected)?.element ?? document.activeElement;
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

// ---- search --------------------------------------------------------------------------------------------------------

function matches() {
  if (!state.words.length) return [];
  return [...nodes.values()].filter((node) => state.words.every((word) => searchText(node).includes(word)));
}

function searchText(node) {
  const { title, kind, call, operation, shape, dtype, troubles = [] } = node.data;
  const modules = around(node).map((cluster) => `${cluster.data.path} ${cluster.data.title}`);
  node.text ??= [title, kind, call, operation, shape, dtype, ...troubles, ...modules].join(" ").toLowerCase();
  return node.text;
}

function search(query) {
  state.words = query.toLowerCase().split(/\s+/).filter(Boolean);
  state.match = -1;
  mark();
  const found = matches().length;
  byId("found").textContent = state.words.length ? (found ? `${found} found` : "nothing found") : "";
}

function nextMatch(by) {
  const found = matches();
  if (!found.length) return;
  state.match = (state.match + by + found.length + (state.match < 0 && by < 0 ? 1 : 0)) % found.length;
  select(found[state.match].id, { focus: false });
  byId("found").textContent = `${state.match + 1} of ${found.length}`;
}

// ---- the backward pass, one operation at a time --------------------------------------------------------------------

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

// ---- the panel -----------------------------------------------------------------------------------------------------

function showDetails() {
  panel.replaceChildren();
  if (state.step && !state.selected) showStep(data.steps[state.step - 1]);
  else if (state.selected) showNode(nodes.get(state.selected));
  else showOverview();
  byId("step").textContent = stepSentence();
  byId("leave").disabled = byId("previous").disabled = state.step === 0;
  byId("next").disabled = state.step === data.steps.length;
  panel.scrollTop = 0;
}

function stepSentence() {
  const last = data.steps.length;
  if (!last) return "No backward pass is drawn here.";
  if (!state.step) return `Backward pass: ${count(last, "step")}`;
  const step = data.steps[state.step - 1];
  const to = step.parts.map((part) => nodes.get(part.to)?.data.title ?? "what is not drawn");
  return `Backward step ${state.step} of ${last}: ${nodes.get(step.node).data.title} → ${to.join(", ")}`;
}

function showOverview() {
  add(panel, "h2", {}, "Graph");
  add(panel, "p", {}, data.summary);
  add(panel, "p", {}, "Click a value for its numbers, its gradient and its derivatives.");
  const legend = "Round boxes are operations, cylinders parameters, a double outline is an output.";
  add(panel, "p", { class: "quiet" }, `${legend} Dashed arrows carry the gradient.`);
  links("Outputs", data.outputs);
  const leaves = [...nodes.values()].filter((node) => node.data.cotangent && !node.inputs.length);
  if (!leaves.length) return;
  const list = add(section("Gradients"), "table");
  const head = add(list, "tr");
  for (const word of ["name", "shape", "gradient"]) add(head, "th", { scope: "col" }, word);
  for (const node of leaves) {
    const row = add(list, "tr");
    link(add(row, "td"), node);
    add(row, "td", {}, node.data.shape);
    add(row, "td", {}, node.data.gradient?.brief ?? "none");
  }
}

function showNode(node) {
  const { title, kind, call, shape, dtype, facts = [], source, code, derivatives } = node.data;
  const { value, gradient, cotangent, formula, troubles = [], notes = [] } = node.data;
  add(panel, "h2", {}, title);
  for (const trouble of troubles) add(panel, "p", { class: "trouble" }, `⚠ ${trouble}`);
  for (const note of notes) add(panel, "p", {}, note);
  const modules = around(node).reverse().map((cluster) => cluster.data.path || cluster.data.title);
  const about = Object.entries({ kind, call, shape, dtype });
  const where = Object.entries({ module: modules.join(" › "), line: source });
  table([...about, ...facts, ...where].filter(([, text]) => text));
  if (code) add(panel, "code", {}, code);
  if (value) showNumbers("Value", value);
  if (cotangent) showNumbers(`Gradient ${cotangent}`, gradient, formula && `${cotangent} = ${formula}`);
  if (derivatives) {
    const list = add(section("Derivatives"), "ul", { class: "formulas" });
    for (const derivative of derivatives) add(add(list, "li"), "code", {}, derivative);
  }
  const rules = data.rules[node.data.operation];
  if (rules && derivatives) showRules(rules);
  highlightButtons();
  links("Made from", node.inputs);
  links("Used by", node.users);
}

/** The rules as they stand in the code: what each argument of the call is given. */
function showRules(rules) {
  const part = section("Rules");
  for (const [name, text] of rules) add(add(part, "p"), "code", {}, `${name}: ${text}`);
  add(part, "p", { class: "quiet" }, "Here g is the gradient of this value, and y the value.");
}

function showStep(step) {
  const node = nodes.get(step.node);
  add(panel, "h2", {}, `Step ${state.step}: ${node.data.title}`);
  if (node.data.call) add(panel, "p", {}, node.data.call);
  showNumbers(`Arrives: ${node.data.cotangent}`, node.data.gradient);
  for (const part of step.parts) {
    const name = nodes.get(part.to)?.data.cotangent ?? "the gradient of what is not drawn";
    const formula = `${name} ${part.whole ? "" : "+"}= ${part.formula}`;
    const missing = nodes.get(part.to)?.data.rounds ? "Its numbers belong to another round." : UNKNOWN;
    showNumbers(`${part.whole ? "Gives" : "Adds to"} ${name}`, arrived(part), formula, missing);
    if (part.sum) showNumbers(`${name} so far`, part.sum);
  }
  links("Values", [step.node, ...step.parts.map((part) => part.to)].filter((id) => nodes.has(id)));
}

function section(title) {
  const part = add(panel, "section");
  add(part, "h3", {}, title);
  return part;
}

function table(rows, parent = panel) {
  const list = add(parent, "dl");
  for (const [word, text] of rows) {
    add(list, "dt", {}, word);
    add(list, "dd", {}, text);
  }
}

const UNKNOWN = "No numbers are known.";

function showNumbers(title, numbers, formula = "", missing = UNKNOWN) {
  const part = section(title);
  if (formula) add(part, "code", {}, formula);
  if (!numbers) {
    add(part, "p", { class: "quiet" }, missing);
    return;
  }
  const { text } = numbers;
  if (text) add(part, "pre", { tabindex: "0", class: text.includes("\n") ? "rows" : "line" }, text);
  if (numbers.histogram && total(numbers.histogram.counts) >= ENOUGH) drawHistogram(part, numbers.histogram);
  if (numbers.facts) table(numbers.facts, part);
}

const ENOUGH = 8; // numbers for a histogram to say more than they do themselves

function drawHistogram(parent, { counts, low, high }) {
  const most = Math.max(...counts);
  const figure = add(parent, "figure");
  const shell = document.createElementNS(NAMESPACE, "svg");
  const label = `Histogram from ${low} to ${high}: ${counts.join(", ")}`;
  set(shell, { viewBox: "0 0 200 50", role: "img", "aria-label": label });
  figure.append(shell);
  const width = 200 / counts.length;
  counts.forEach((number, i) => {
    const height = number && Math.max(1.5, (48 * number) / most);
    add(shell, "rect", { x: i * width + 0.5, y: 49 - height, width: width - 1, height });
  });
  add(shell, "line", { x1: 0, x2: 200, y1: 49.5, y2: 49.5 });
  add(figure, "figcaption", {}, add(figure, "span", {}, low), add(figure, "span", {}, high));
}

function highlightButtons() {
  const bar = add(panel, "p", { class: "highlight", role: "group", "aria-label": "Highlight" }, "Highlight ");
  for (const [name, key] of [["ancestors", "A"], ["descendants", "D"]]) {
    const button = add(bar, "button", { "aria-pressed": state[name], title: `Key ${key}`, class: name }, name);
    button.addEventListener("click", () => flipHighlight(name));
  }
}

function flipHighlight(name) {
  state[name] = !state[name];
  mark();
  panel.querySelector(`button.${name}`)?.setAttribute("aria-pressed", String(state[name]));
}

function links(title, ids) {
  const unique = [...new Set(ids)];
  if (!unique.length) return;
  const list = add(section(title), "ul");
  for (const id of unique) link(add(list, "li"), nodes.get(id));
}

function link(parent, node) {
  add(parent, "button", { class: "link" }, fullName(node)).addEventListener("click", () => select(node.id));
}

/** A parameter's name with the path of the module that it belongs to. */
function fullName(node) {
  const path = node.data.kind === "parameter" && node.cluster?.data.path;
  return path ? `${path}.${node.data.title}` : node.data.title;
}

// ---- keys and buttons ----------------------------------------------------------------------------------------------

const actions = {
  n: () => goTo(state.step + 1),
  p: () => goTo(state.step - 1),
  a: () => flipHighlight("ancestors"),
  d: () => flipHighlight("descendants"),
  c: () => toggleAll(false),
  e: () => toggleAll(true),
  t: flipTheme,
  0: () => fit(),
  "+": () => zoom(1.25),
  "=": () => zoom(1.25),
  "-": () => zoom(0.8),
  "/": () => byId("query").select(),
  Escape: clear,
};

function clear() {
  byId("query").value = "";
  search("");
  state.selected = null;
  goTo(0);
}

function flipTheme() {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target === byId("query");
  if (typing && event.key !== "Escape") return;
  if (["Enter", " "].includes(event.key)) {
    if (!event.target.closest("g[role=button]")) return;
    event.preventDefault();
    event.target.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  } else if (event.key.startsWith("Arrow")) {
    if (panel.contains(event.target)) return; // there they scroll
    event.preventDefault();
    walk(event.key);
  } else {
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    action();
    if (typing) byId("query").blur();
  }
}

function listen() {
  const buttons = { fit: "0", out: "-", in: "+", collapse: "c", expand: "e", theme: "t", next: "n", previous: "p" };
  for (const [id, key] of Object.entries(buttons)) byId(id).addEventListener("click", () => actions[key]());
  byId("leave").addEventListener("click", () => goTo(0));
  byId("query").addEventListener("input", (event) => search(event.target.value));
  byId("search").addEventListener("submit", (event) => event.preventDefault());
  byId("query").addEventListener("keydown", (event) => event.key === "Enter" && nextMatch(event.shiftKey ? -1 : 1));
  document.addEventListener("keydown", onKey);
  listenToPointers();
}

// ---- begin ---------------------------------------------------------------------------------------------------------

document.documentElement.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
readPicture();
openOuter();
byId("collapse").hidden = byId("expand").hidden = clusters.size === 0;
refresh();
showDetails();
listen();
fit(READABLE);
