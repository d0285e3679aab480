// Search.

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
