// Keys and buttons.

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
