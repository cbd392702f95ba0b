"""Every text of the product that tells a person to act, read from its source.

The rule: such a text is made where the source

- makes an error for people (`AgentError` and what derives from it), with or without a remedy,
- makes a finding of `doctor` or a scanner's check that is no PASS,
- logs at the level warning or above,
- adds to what is called `warnings` or `problems`,
- says why a resource has no project (`Placement(None, why)`),
- notes a problem or a fault of the configuration (`Problem`, `Fault`),
- returns or yields a sentence outside the command line, or has one in a table (an upper-case name of a module),
- writes to stderr,
- refuses a value of the configuration or of a record (`ValueError` in a module that uses pydantic), or
- gives an error class the words with which its texts begin (`meaning`).

What stands in for a value is `…`. A name is followed to what its function, or a module, assigns to it. Where the
words are all another's (`str(error)`), the remedy that is added to them is the text; where that is another's too, there
is nothing to list: its own place has it.

A sentence that is returned, yielded or in a table may as well tell good news, or be a part of another. Nobody but a
person knows: `support.descriptions` lists those that ask for nothing, and all others count.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

GAP = "…"
KEY_MAX = 110
"""Characters of a text by which it is looked for."""
ROOT_ERROR = "AgentError"
WALDUR_ERROR = "WaldurError"
LOG_LEVELS = {"warning", "error", "critical", "exception"}
COLLECTIONS = re.compile(r"(warnings|problems)$")
TELLS = re.compile(r"`waldur-import-agent |\bStop\b")
"""In a text that is kept for later: it tells to do something."""
NOT_TOLD = ("cli", "testing", "sandbox")
"""Parts of the package whose sentences are results, are of the conformance kit, or are the sandbox's answers."""
CHECK = 2
FINDINGS = {"warned": 1, "failed": 1, "failed_with": 1, "_failed": 0, "Problem": 4, "Fault": 2}
"""By the name of the function that makes it: which argument holds the words."""
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
WORDS_AT_LEAST = re.compile(r"[A-Za-z`_]{2,}.*[A-Za-z`_]{2,}")


@dataclass
class Message:
    """A text with `…` for what varies, and where it is made."""

    text: str
    places: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        """What a person looks for: the text, of a long one the beginning."""
        if len(self.text) <= KEY_MAX:
            return self.text
        return f"{self.text[:KEY_MAX].rsplit(' ', 1)[0].rstrip(',.:;')} {GAP}"


def messages(root: Path) -> list[Message]:
    """All messages of the package in `root`, in the order of its files."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(root.rglob("*.py"))}
    errors = _deriving(trees.values(), ROOT_ERROR)
    of_waldur = _deriving(trees.values(), WALDUR_ERROR)
    constants = {path.relative_to(root).with_suffix("").parts: _assigned(tree.body) for path, tree in trees.items()}
    found: dict[str, Message] = {}
    for path, tree in trees.items():
        module = _Module(tree, errors, of_waldur, constants)
        told = [] if set(NOT_TOLD) & set(path.relative_to(root).parts) else module.sentences()
        for line, text in (*module.texts(), *told):
            place = f"{path.relative_to(root)}:{line}"
            found.setdefault(text, Message(text)).places.append(place)
    return list(found.values())


def _deriving(trees: Iterable[ast.Module], base: str) -> set[str]:
    """The names of all classes that derive from `base`, and itself."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    names, before = {base}, 0
    while len(names) > before:
        before = len(names)
        names |= {node.name for node in classes if any(_name(parent) in names for parent in node.bases)}
    return names


def _is_log_method(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in LOG_LEVELS and "log" in ast.unparse(node.value)


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


class _Module:
    def __init__(
        self,
        tree: ast.Module,
        errors: set[str],
        of_waldur: set[str],
        of_modules: Mapping[tuple[str, ...], Mapping[str, list[ast.expr]]],
    ) -> None:
        self._tree = tree
        self._errors = errors
        self._of_waldur = of_waldur
        self._tables = _assigned(tree.body)
        self._constants = self._tables | {
            alias.asname or alias.name: values
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
            if (values := of_modules.get(tuple(node.module.split(".")[1:]), {}).get(alias.name))
        }
        """What is assigned to each name, here or in the module that it is imported from."""
        self._own_texts = {
            id(call)
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef) and node.name in errors
            for call in ast.walk(node)
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__"
        }
        """Calls with which an error class hands its text up."""
        self._log_names = {
            name
            for name, values in _assigned(ast.walk(tree)).items()
            if any(_is_log_method(part) for value in values for part in ast.walk(value))
        }
        """Names that stand for a logger's method of such a level, perhaps among others."""
        self._uses_pydantic = any(
            isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pydantic") for node in ast.walk(tree)
        )

    def texts(self) -> Iterator[tuple[int, str]]:
        for node in ast.walk(self._tree):
            if isinstance(node, ast.ClassDef) and node.name in self._errors:
                yield from ((node.lineno, text) for name, text in _class_texts(node) if name == "meaning")
        for function, call in _calls(self._tree):
            words, remedy = self._parts(call)
            if words is None:
                continue
            local = {**self._constants, **(_assigned(ast.walk(function)) if function else {})}
            texts = self._readable(words, local) or (self._readable(remedy, local) if remedy else [])
            yield from ((call.lineno, text) for text in texts)

    def sentences(self) -> Iterator[tuple[int, str]]:
        """What is told without being called a message: returned, yielded, in a table, or kept for later."""
        for function in (node for node in ast.walk(self._tree) if isinstance(node, FUNCTIONS)):
            local = {**self._constants, **_assigned(ast.walk(function))}
            for node in ast.walk(function):
                if isinstance(node, (ast.Return, ast.Yield)) and node.value is not None:
                    for part in node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]:
                        yield from ((node.lineno, text) for text in self._readable(part, local) if _is_sentence(text))
                elif isinstance(node, ast.Assign) and _name(node.targets[0]) in {"held", "told"}:
                    told = self._readable(node.value, self._constants)
                    yield from ((node.lineno, text) for text in told if TELLS.search(text))
        for name, values in self._tables.items():
            for part in (part for value in values for part in _of_table(value) if name.isupper()):
                texts = (re.sub(r"\{\w+\}", GAP, text) for text in self._readable(part, self._constants))
                yield from ((part.lineno, text) for text in texts if _is_sentence(text))

    def _parts(self, call: ast.Call) -> tuple[ast.expr | None, ast.expr | None]:
        """The argument that holds the words, and the one with the remedy; None where it is no message."""
        at = self._position_of_words(call)
        if at is None or len(call.args) <= at:
            return None, None
        remedy = next((item.value for item in call.keywords if item.arg == "remedy"), None)
        if remedy is None and at in {FINDINGS["failed"], CHECK} and len(call.args) > at + 1:
            remedy = call.args[at + 1]
        return call.args[at], remedy

    def _position_of_words(self, call: ast.Call) -> int | None:
        called, arguments = _name(call.func), call.args
        if id(call) in self._own_texts:
            return 3 if len(arguments) > 3 else 0
        if called in self._errors:
            return 3 if called in self._of_waldur else 0
        if called in FINDINGS:
            return FINDINGS[called]
        if called in {"Check", "Finding"}:
            return None if len(arguments) > 1 and ast.unparse(arguments[1]).endswith("PASS") else CHECK
        if called == "Placement":
            return 1 if arguments and ast.unparse(arguments[0]) == "None" else None
        return 0 if self._is_told(call, called) else None

    def _is_told(self, call: ast.Call, called: str) -> bool:
        if isinstance(call.func, ast.Name):
            return called in self._log_names or (called == "ValueError" and self._uses_pydantic)
        if not isinstance(call.func, ast.Attribute) or called not in {*LOG_LEVELS, "append", "add", "write"}:
            return False
        owner = ast.unparse(call.func.value)
        if called == "write":
            return owner == "sys.stderr"
        return (called in LOG_LEVELS and "log" in owner) or (
            called in {"append", "add"} and bool(COLLECTIONS.search(owner))
        )

    def _readable(self, node: ast.expr, local: Mapping[str, list[ast.expr]]) -> list[str]:
        texts = (re.sub(rf"{GAP}+", GAP, " ".join(text.split())) for text in _expand(node, local, 3))
        return [text for text in dict.fromkeys(texts) if WORDS_AT_LEAST.search(text.replace(GAP, ""))]


def _is_sentence(text: str) -> bool:
    return " " in text.replace(GAP, "").strip()


def _of_table(value: ast.expr) -> list[ast.expr]:
    """The values of a table, and of the tables in it."""
    if isinstance(value, ast.Dict):
        return [part for inner in value.values for part in (_of_table(inner) or [inner])]
    if isinstance(value, (ast.Tuple, ast.List, ast.Set)):
        return [part for inner in value.elts for part in (_of_table(inner) or [inner])]
    return []


def _class_texts(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for item in node.body:
        value = item.value if isinstance(item, (ast.Assign, ast.AnnAssign)) else None
        targets = (
            item.targets if isinstance(item, ast.Assign) else [item.target] if isinstance(item, ast.AnnAssign) else []
        )
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and targets:
            yield _name(targets[0]), f"{value.value} {GAP}"


def _assigned(nodes: Iterable[ast.AST]) -> dict[str, list[ast.expr]]:
    """What is assigned to each name, in the order of the source."""
    values: dict[str, list[ast.expr]] = {}
    for node in nodes:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                pairs = [(target, node.value)]
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = list(zip(target.elts, node.value.elts, strict=False))
                for name, value in pairs:
                    if isinstance(name, ast.Name):
                        values.setdefault(name.id, []).append(value)
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign)) and isinstance(node.target, ast.Name) and node.value:
            values.setdefault(node.target.id, []).append(node.value)
    return values


def _calls(tree: ast.Module) -> Iterator[tuple[ast.AST | None, ast.Call]]:
    """Each call with the innermost function around it."""

    def inside(node: ast.AST, function: ast.AST | None) -> Iterator[tuple[ast.AST | None, ast.Call]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                yield function, child
            yield from inside(child, child if isinstance(child, FUNCTIONS) else function)

    return inside(tree, None)


def _expand(node: ast.expr, local: Mapping[str, list[ast.expr]], depth: int) -> list[str]:
    """All texts that the expression may be, with `…` for what cannot be known."""
    texts = [GAP]
    if isinstance(node, ast.Constant):
        texts = [str(node.value)]
    elif isinstance(node, ast.JoinedStr):
        texts = _joined(
            [str(part.value)] if isinstance(part, ast.Constant) else _short(part, local, depth) for part in node.values
        )
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        texts = _joined([_expand(node.left, local, depth), _expand(node.right, local, depth)])
    elif isinstance(node, ast.IfExp):
        texts = [*_expand(node.body, local, depth), *_expand(node.orelse, local, depth)]
    elif isinstance(node, ast.BoolOp):
        texts = [text for value in node.values for text in _expand(value, local, depth)]
    elif isinstance(node, ast.Name) and depth and node.id in local:
        texts = [text for value in local[node.id] for text in _expand(value, local, depth - 1)]
    return texts


def _short(part: ast.expr, local: Mapping[str, list[ast.expr]], depth: int) -> list[str]:
    """A value within a text: only a name that stands for one text of the module is its words."""
    value = part.value if isinstance(part, ast.FormattedValue) else part
    if isinstance(value, ast.Name) and value.id.isupper() and depth and len(local.get(value.id, ())) == 1:
        return _expand(local[value.id][0], local, depth - 1)
    return [GAP]


def _joined(parts: Iterable[list[str]]) -> list[str]:
    texts = [""]
    for part in parts:
        texts = [before + after for before in texts for after in part]
    return texts
