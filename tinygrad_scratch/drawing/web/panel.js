// The panel: what is known of the graph, of a value, of a step.

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
  if (!nodes.size) return; // neurons are just a picture
  add(panel, "p", {}, "Click a value for its numbers, its gradient and its derivatives.");
  const legend = "Round boxes are operations, cylinders parameters, a double outline is an output.";
  add(panel, "p", { class: "quiet" }, `${legend} Dashed arrows carry the gradient.`);
  links("Outputs", data.outputs);
  const leaves = [...nodes.values()].filter((node) => node.data.cotangent && !node.inputs.length);
  if (!leaves.length) return;
  const part = section("Gradients");
  const known = leaves.some((node) => node.data.gradient);
  if (!known) add(part, "p", { class: "quiet" }, data.unknown);
  const list = add(part, "table");
  const head = add(list, "tr");
  for (const word of ["name", "shape", ...(known ? ["gradient"] : [])]) add(head, "th", { scope: "col" }, word);
  for (const node of leaves) {
    const row = add(list, "tr");
    link(add(row, "td"), node);
    add(row, "td", {}, node.data.shape);
    if (known) add(row, "td", {}, node.data.gradient?.brief ?? "none");
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
    const missing = nodes.get(part.to)?.data.rounds ? "Its numbers belong to another round." : data.unknown;
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

function showNumbers(title, numbers, formula = "", missing = data.unknown) {
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
  set(shell, { viewBox: "0 0 200 50", preserveAspectRatio: "none", role: "img", "aria-label": label });
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
