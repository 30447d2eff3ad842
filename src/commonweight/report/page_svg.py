"""A figure's SVG as it stands in the page: the same drawing, in the page's own ink, ground and type."""

import re
import xml.etree.ElementTree as ET

from markupsafe import Markup

from commonweight.report.static import FRAME, SURFACE

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
ET.register_namespace("", SVG)
ET.register_namespace("xlink", XLINK)
INK = {FRAME: "currentColor", SURFACE: "var(--plot)"}
SHAPES = ("d", "points", "transform", "x", "y", "width", "height")
TYPE = re.compile(r"font(?:-family)?: [^;]*;? ?")


def page_svg(svg: bytes, name: str, title: str) -> Markup:
    """The SVG as an element of a page: ids are the figure's own, what belongs to a part has a class instead (`part-7`).

    Black and white become the page's ink and ground, the type is the page's, and places are rounded to 0.01 points.
    """
    root = ET.fromstring(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{SVG}}}metadata", f"{{{SVG}}}style"):
                parent.remove(child)
    for element in root.iter():
        _adapt(element, name)
    root.attrib |= {"role": "img", "aria-label": title, "style": "stroke-linejoin: round"}
    for gone in ("width", "height", "version"):
        root.attrib.pop(gone, None)
    return Markup(ET.tostring(root, encoding="unicode"))


def _adapt(element: ET.Element, name: str) -> None:
    attributes = element.attrib
    if (own := attributes.pop("id", "")).startswith("part-"):
        attributes["class"] = own
    elif own and element.tag != f"{{{SVG}}}g":  # of a group nobody speaks
        attributes["id"] = f"{name}.{own}"
    link = f"{{{XLINK}}}href"
    if attributes.get(link, "").startswith("#"):
        attributes[link] = f"#{name}.{attributes[link][1:]}"
    if "clip-path" in attributes:
        attributes["clip-path"] = attributes["clip-path"].replace("url(#", f"url(#{name}.")
    if style := attributes.get("style"):
        for colour, word in INK.items():
            style = style.replace(colour, word)
        attributes["style"] = _type(style) if element.tag == f"{{{SVG}}}text" else style
    for shape in SHAPES:
        if shape in attributes:
            attributes[shape] = re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.2f}", attributes[shape])


def _type(style: str) -> str:
    """A text's style with its size, and without its family: `font: 10px 'DejaVu Sans'` is `font-size: 10px`."""
    size = re.search(r"font(?:-size)?: (?:[\w ]+ )?([\d.]+px)", style)
    return (f"font-size: {size[1]}; " if size else "") + TYPE.sub("", re.sub(r"font-size: [^;]*;? ?", "", style))
