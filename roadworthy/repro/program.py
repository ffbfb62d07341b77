"""A check as a C program: one function for each layer of its image, one for its calls."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from roadworthy.declaring.checks import ABOVE
from roadworthy.repro.calls import Made
from roadworthy.repro.calls_in_c import Translation
from roadworthy.repro.trees_in_c import Tree, copying_up, laying_out

#: What the program does with its one word, in its working directory.
MAIN = """\
int main(int count, char **words)
{{
    const char *what = count > 1 ? words[1] : "";
    setvbuf(stdout, 0, _IONBF, 0);
    umask(022);
    plain = !strcmp(what, "plain");
    for (int i = 1; plain && i <= {layers}; i++)
        layer(i);
    if (plain || !strcmp(what, "calls"))
        calls();
    else
        layer(atoi(what));
    return 0;
}}
"""
SPACE = "space(before);"


def source(
    trees: Sequence[Tree], provenance: str, calls: Sequence[Made], directory: str, measured: bool
) -> tuple[str, int]:  # fmt: skip
    """The program, and how many layers the image has. Raises NoScript.

    `r 2` makes the second layer in the working directory, `r calls` makes the calls, `r plain` all layers and then the
    calls. `directory` is that of the check in its container. With `measured` it says what space the calls have taken.
    """
    layers = [] if provenance == "upper" else [*trees, *([ABOVE] if provenance == "lower-deep" else [])]
    before = {"upper": laying_out, "copied-up": copying_up}.get(provenance)
    first = [statement for tree in trees for statement in before(tree)] if before else []
    body = list(Translation(directory).statements(calls))
    if measured:
        body = ["long long before = taken();", *body, SPACE]
    made = [function(f"layer_{number}", list(laying_out(tree))) for number, tree in enumerate(layers, 1)]
    cases = [f"if (number == {number}) layer_{number}();" for number in range(1, len(layers) + 1)]
    functions = [*made, function("layer", cases, "int number"), function("calls", [*first, "tick();", *body])]
    prelude = (resources.files(__package__) / "prelude.c").read_text()
    return "\n".join([prelude, *functions, MAIN.format(layers=len(layers))]), len(layers)


def function(name: str, statements: Sequence[str], takes: str = "void") -> str:
    lines = "".join(f"    {statement}\n" for statement in statements)
    return f"static void {name}({takes})\n{{\n{lines}}}\n"
