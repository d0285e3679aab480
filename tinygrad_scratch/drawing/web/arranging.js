// Where things stand while modules are closed: the room that their frames took is taken out of the picture.

const MARGIN = 14; // kept free around every box; an arrow's head is 10 long
const KEPT = 12; // of the length of each piece that is taken out, so that arrows within it stay in order

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
