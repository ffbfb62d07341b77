"""What a check records and what it asserts is one value: it does not ask again for what it has observed."""

import ast
from pathlib import Path

CONFORMANCE = Path(__file__).parents[2] / "conformance"
#: Methods of Python's own values: they ask nobody, for the answer is there already.
PLAIN = {name for kind in (bytes, dict, int, list, set, str) for name in dir(kind)}
#: Checks that ask the same at two moments, and what lies between them.
SECOND_LOOKS = {
    "app/sqlite-locks-over-copyup": "the observed insertion is refused, and made again when the reader has ended",
    "caps/cleared-by-chown": "the capability is there before the change of owner",
    "caps/cleared-by-write": "the capability is there before the write",
    "copyup/content-intact": "the content differs between the change and the change back",
    "lock/fcntl-released-by-any-close": "the lock is held before the close",
    "mmap/ro-shared-map-sees-truncate": "the page is touched before the truncation, so that it is in the mapping",
    "mmap/ro-shared-map-sees-write": "the page is touched before the write, so that it is in the mapping",
    "mmap/two-shared-maps": "the page is touched before the store, so that it is in the mapping",
    "special/unix-socket-chmod-connect": "root connects before the stranger is refused",
    "whiteout/dot-wh-names": "the name is listed, and no more once its file was removed",
}


def checks():
    """The id and the function of every check."""
    for path in sorted(CONFORMANCE.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            for decorator in getattr(node, "decorator_list", []):
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "check":
                    yield decorator.args[0].value, node


def is_observation(node):
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "observe"


def root(node):
    """The name that a chain of attributes, calls and subscripts begins with, or None."""
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def questions(node, fixtures):
    """What an expression asks of fixtures and of what they gave, as text; without what it asks in order to observe."""
    if is_observation(node):
        return
    method = node.func if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else None
    if method and (root(node) in fixtures or method.attr not in PLAIN):
        yield ast.unparse(node)
    for child in ast.iter_child_nodes(node):
        yield from questions(child, fixtures)


def values(function):
    """The expressions that each name of a function is given."""
    found = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign | ast.NamedExpr):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                for name in ast.walk(target):
                    if isinstance(name, ast.Name):
                        found.setdefault(name.id, []).append(node.value)
    return found


def asked_again(function):
    """What a check asks in order to observe it, directly or through a name, and asks again in an assertion."""
    fixtures = {argument.arg for argument in function.args.args}
    given = values(function)
    observed, asserted = set(), set()
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            asserted.update(questions(node, fixtures))
        if is_observation(node):
            names = {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
            seen = [*node.args, *(value for name in names for value in given.get(name, []))]
            observed.update(question for value in seen for question in questions(value, fixtures))
    return observed & asserted


def found():
    """The checks that ask again, and what."""
    return {identity: asked for identity, function in checks() if (asked := asked_again(function))}


def test_no_check_asks_again_for_what_it_observed():
    """Evidence that was asked for apart from the verdict may contradict it."""
    assert {identity: asked for identity, asked in found().items() if identity not in SECOND_LOOKS} == {}


def test_every_second_look_is_one():
    """A check that does not ask again any more is no exception any more."""
    assert set(SECOND_LOOKS) - set(found()) == set()


def test_what_is_asked_again_is_found():
    """The rule sees a call that is repeated directly or through a name, and none in what is done with an answer."""
    again = ast.parse('def f(fs, observe):\n    observe("size", fs.stat("f").size)\n    assert fs.stat("f").size == 3')
    named = ast.parse('def f(fs, observe):\n    size = fs.size()\n    observe("size", size)\n    assert fs.size() == 3')
    once = ast.parse(
        'def f(fs, observe):\n    seen = observe("text", fs.load("f").strip())\n    assert seen.strip() == "a"\n'
        '    assert observe("size", fs.size()) == 3'
    )
    assert asked_again(again.body[0]) == {"fs.stat('f')"}
    assert asked_again(named.body[0]) == {"fs.size()"}
    assert asked_again(once.body[0]) == set()
