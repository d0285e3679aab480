// Zoom and pan.

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
