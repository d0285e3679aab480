// The page begins.

document.documentElement.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
readPicture();
openOuter();
byId("collapse").hidden = byId("expand").hidden = clusters.size === 0;
refresh();
showDetails();
listen();
fit(READABLE);
