"""Tasks are queued by name, so a typing error would show only in production: every name must exist."""

import ast
from importlib import import_module
from pathlib import Path

from config.celery_app import TASK_MODULES, celery_app

ROOT = Path(__file__).parents[3]
QUEUEING = {"queue", "queue_after_commit", "send_task"}


def queued_names() -> dict[str, str]:
    """Task name -> where it is queued, for every literal or constant given first to a queueing function."""
    found = {}
    for package in ("ingest", "platform_api", "cli", "bench"):
        for path in (ROOT / package).rglob("*.py"):
            tree = ast.parse(path.read_text())
            constants = _constants(tree)
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and _queues_a_task(node):
                    names = {constants.get(ast.unparse(argument)) for argument in node.args[:2]} - {None}
                    where = f"{path.relative_to(ROOT)}:{node.lineno}"
                    assert names, f"{where}: the name of the task is not known here"
                    found.update({str(name): where for name in names})
    return found


def _constants(tree: ast.Module) -> dict[str, str]:
    """How a text is written in this module -> the text: the literals, and the names they are assigned to."""
    literals = [
        node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    known = {ast.unparse(node): str(node.value) for node in literals}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            known |= {ast.unparse(target): str(node.value.value) for target in node.targets}
    return known


def _queues_a_task(call: ast.Call) -> bool:
    # A text message is queued as well, `to` somebody.
    return _called(call.func) in QUEUEING and all(word.arg != "to" for word in call.keywords)


def _called(function: ast.expr) -> str:
    if ast.unparse(function) == "sms.queue":
        return "a text message, not a task"
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def test_every_queued_and_scheduled_name_is_a_task() -> None:
    for module in TASK_MODULES:
        import_module(module)
    names = queued_names()
    assert "orders.on_crossings" in names
    names |= {entry["task"]: "beat" for entry in celery_app.conf.beat_schedule.values()}
    missing = {name: where for name, where in names.items() if name not in celery_app.tasks}
    assert not missing
