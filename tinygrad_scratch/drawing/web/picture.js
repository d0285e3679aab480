// The picture as Graphviz drew it: what is in it, and what stands where.

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
