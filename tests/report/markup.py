"""Reads a page back with the standard library's parser, and judges it: what the tests compare comes from the file, not from our code."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "img", "input", "br", "hr"}


@dataclass
class Node:
    tag: str
    attrs: dict[str, str]
    children: list[Node] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def all(self, tag: str = "", **having: str) -> list[Node]:
        """Every node below with this tag whose attributes hold these words (``cls`` for class)."""
        found = []
        for child in self.children:
            wanted = all(word in child.attrs.get({"cls": "class"}.get(name, name), "").split() for name, word in having.items())
            if (not tag or child.tag == tag) and wanted:
                found.append(child)
            found += child.all(tag, **having)
        return found

    def one(self, tag: str = "", **having: str) -> Node:
        found = self.all(tag, **having)
        assert len(found) == 1, f"{len(found)} x {tag} {having}"
        return found[0]

    @property
    def text(self) -> str:
        """The text in reading order of each level, white space made single."""
        return " ".join(" ".join([*self.texts, *(child.text for child in self.children)]).split())


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].texts.append(data)


def parse(html: str) -> Node:
    """The tree of a page; a tag that is not closed in order is an error."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    assert builder.open == [builder.root], f"left open: {[node.tag for node in builder.open[1:]]}"
    return builder.root


def outside_references(page: Node) -> list[str]:
    """Everything in a page that could ask for something outside it, or that its own policy does not know."""
    wrong = []
    for node in page.all():
        for name, value in node.attrs.items():
            if name in ("src", "href", "xlink:href", "srcset", "action", "data", "poster") and not value.startswith(("data:", "#")):
                wrong.append(f"{node.tag} {name}={value[:60]}")
            if name.startswith("on") or name == "style":
                wrong.append(f"{node.tag} {name}={value[:60]}")
        if node.tag in ("iframe", "object", "embed", "base"):
            wrong.append(node.tag)
        if node.tag == "style":
            wrong += re.findall(r"@import[^;]*|url\([^)]*\)", " ".join(node.texts))
    policies = [meta.attrs["content"] for meta in page.all("meta") if meta.attrs.get("http-equiv") == "Content-Security-Policy"]
    if len(policies) != 1 or not policies[0].startswith("default-src 'none'"):
        return [*wrong, "no strict policy"]
    for kind in ("style", "script"):
        allowed = re.findall(rf"{kind}-src ([^;]*)", policies[0])
        for node in page.all(kind):
            digest = base64.b64encode(hashlib.sha256("".join(node.texts).encode()).digest()).decode()
            if allowed != [f"'sha256-{digest}'"]:
                wrong.append(f"{kind} unknown to the policy")
    return wrong


def sheet_of(page: Node) -> dict[tuple[str, str, str], str]:
    """The score sheet read as a table: (site, side, feature) -> text of the box, by the headers that a screen reader would follow."""
    table = page.one("table", cls="sheet")
    first, second = table.one("thead").all("tr")
    sides = [side for th in first.all("th") for side in [th.text.lower()] * int(th.attrs["colspan"])]
    features = [th.one("abbr").attrs["title"] for th in second.all("th")[1:]]
    assert len(sides) == len(features)
    boxes = {}
    for body in table.all("tbody"):
        for row in body.all("tr"):
            cells = row.all("td")
            if row.attrs.get("class") in ("sum", "part"):
                continue
            assert row.one("th").attrs["scope"] == "row"
            assert len(cells) == len(sides), row.text
            for side, feature, cell in zip(sides, features, cells, strict=True):
                chips = cell.all(cls="chip")
                boxes[row.one("th").text, side, feature] = chips[0].text if chips else cell.text
    return boxes
