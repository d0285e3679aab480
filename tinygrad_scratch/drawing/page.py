"""A drawing as one HTML file that needs nothing else: the picture, what is known of each value, a small program."""

from __future__ import annotations

import colorsys
import json
import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from tinygrad_scratch.drawing.data import Scene
from tinygrad_scratch.drawing.labels import printable
from tinygrad_scratch.drawing.page_data import page_data

SCRIPTS = (
    "elements",
    "picture",
    "folding",
    "arranging",
    "window",
    "marks",
    "search",
    "steps",
    "panel",
    "keys",
    "begin",
)


def page(svg: str, scene: Scene, summary: str) -> str:
    """The HTML text of a page that shows an SVG picture by Graphviz, and all that is known of what is in it.

    The page runs no program but ours and asks for nothing from anywhere: its content security policy allows only the
    style and the program whose hashes it states.
    """
    data = page_data(scene, summary)
    style = text_of("page.css") + dark_colours(svg)
    script = "\n".join(text_of(f"{name}.js") for name in SCRIPTS)
    return Template(text_of("page.html")).substitute(
        title=escape(printable(data["title"])),
        summary=escape(data["summary"]),
        svg=bare(svg),
        data=json_in_html(data),
        style=style,
        style_hash=content_hash(style),
        script=script,
        script_hash=content_hash(script),
    )


def text_of(name: str) -> str:
    return files("tinygrad_scratch.drawing").joinpath("web", name).read_text(encoding="utf-8")


def content_hash(text: str) -> str:
    """The hash by which a content security policy knows a text."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def json_in_html(data: Any) -> str:
    """JSON that no HTML parser takes for the end of what it stands in."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def bare(svg: str) -> str:
    """The picture without what only a file of its own needs: what stands before it, comments, links and tooltips."""
    without = r'<!--.*?-->\n?|<g id="a_[^"]*"><a [^>]*>\n|</a>\n</g>\n'
    return re.sub(without, "", svg[svg.index("<svg") :], flags=re.DOTALL)


def dark_colours(svg: str) -> str:
    """Style rules that give each colour of the picture its counterpart on a dark page: the same hue, light for dark."""
    colours = sorted(set(re.findall(r'\b(fill|stroke)="(#[0-9a-f]{6})"', svg)))
    return "".join(
        f':root[data-theme="dark"] [{name}="{colour}"] {{ {name}: {turned(colour)}; }}\n' for name, colour in colours
    )


def turned(colour: str) -> str:
    """The colour of the same hue at the opposite lightness, between that of the dark page and white."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    turned = colorsys.hls_to_rgb(hue, 1.02 - 0.95 * lightness, saturation * 0.8)
    return "#" + "".join(f"{round(255 * part):02x}" for part in turned)
