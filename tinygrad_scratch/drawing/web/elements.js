// The page around a drawing. The picture is Graphviz's SVG; boxes, frames and arrows are found by their <title>.
// These files are one program, in the order in which they are read. Text is only ever set as text.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const canvas = document.getElementById("canvas");
const panel = document.getElementById("panel");
const svg = canvas.querySelector("svg");
const NAMESPACE = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);

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
