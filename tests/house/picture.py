"""The house in one picture, drawn from the imports into CONTRIBUTING.md: `make house`."""

import re
from pathlib import Path

from test_imports import FLOORS, ROOT, house, room

PAGE = ROOT / "CONTRIBUTING.md"
BEGIN, END = "<!-- house: made by `make house` -->\n", "<!-- /house -->\n"


def rooms_imported(imports):
    """The rooms that each room imports, from what each module does."""
    found = {}
    for module, others in imports.items():
        for other in others:
            if room(module) and room(other) and room(module) != room(other):
                found.setdefault(room(module), set()).add(room(other))
    return found


def reached(edges, begin):
    """All that can be reached from a room."""
    found, next_ones = set(), [begin]
    while next_ones:
        fresh = edges.get(next_ones.pop(), set()) - found
        found |= fresh
        next_ones += fresh
    return found


def reduced(edges):
    """The same order with the fewest arrows: none for what is reached by way of another room."""
    return {
        begin: {end for end in ends if not any(end in reached(edges, by) for by in ends - {end})}
        for begin, ends in edges.items()
    }


def shown(name):
    """A room as it lies in the checkout: a wing is a folder, a file of the package a room of its own."""
    return f"{name}.py" if (ROOT / f"roadworthy/{name}.py").exists() else f"{name}/"


def picture():
    """The house as a Mermaid flowchart, its rooms from the uppermost floor down."""
    order = [name for floor in FLOORS for name in floor]
    arrows = reduced(rooms_imported(house()))
    lines = [f'    {name}["{shown(name)}"]' for name in order]
    lines += [f"    {begin} --> {end}" for begin in order for end in sorted(arrows.get(begin, ()), key=order.index)]
    return "\n".join(["```mermaid", "flowchart TB", *lines, "```", ""])


def drawn(page, image):
    """A page with this picture in the place of the older one."""
    between = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    assert len(between.findall(page)) == 1, f"{PAGE.name} has no one place for the picture"
    return between.sub(lambda _: f"{BEGIN}{image}{END}", page)


def main():
    """Draw the picture anew."""
    page = Path(PAGE)
    page.write_text(drawn(page.read_text(), picture()))


if __name__ == "__main__":
    main()
