"""Features that Windows or macOS lack, to be taken away from a process and its children.

Python runs the module ``sitecustomize`` at its start. One in a folder of PYTHONPATH takes the
features away before anything else is imported. Modules and /proc are taken away from the packages
of this project only, because psutil needs them, with which tests observe processes.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True)
class Feature:
    """A feature of Linux."""

    name: str
    lacking: str
    """The systems that lack it."""
    code: str
    """Python code that takes it away from the process that runs it."""
    probe: str
    """Python code that fails without the feature."""
    tests: str
    """The tests of what would use it, below ``tests/``; separated by spaces."""


def _attributes(module: str, names: str) -> tuple[str, str]:
    """Return code that removes attributes, and code that fails unless all are there."""
    remove = f"import {module}\nfor name in {names.split()}: delattr({module}, name)\n"
    return remove, f"import {module}\nassert all(hasattr({module}, n) for n in {names.split()})"


def _module(name: str) -> tuple[str, str]:
    """Return code by which the project's packages cannot import a module, and a probe."""
    refuse = f"refused_modules.append({name!r})\n"
    return refuse, _in_project(f"import {name}")


def _in_project(code: str) -> str:
    return f"exec({code!r}, {{'__name__': 'digits'}})"


_MSVCRT: Final = """
import os, types
holders = {}
def locking(descriptor, mode, count):
    file = os.fstat(descriptor)
    holder = holders.setdefault((file.st_dev, file.st_ino), descriptor)
    try:
        is_held = holder != descriptor and os.path.samestat(os.fstat(holder), file)
    except OSError:
        is_held = False
    if is_held:
        raise PermissionError(13, "Permission denied")
    holders[file.st_dev, file.st_ino] = descriptor
sys.modules["msvcrt"] = types.SimpleNamespace(LK_NBLCK=2, locking=locking)
"""
_TEXT_MODE: Final = """
import os
os.O_BINARY, linux_open = 1 << 28, os.open
def windows_open(path, flags, *arguments, **options):
    # FileIO passes O_CLOEXEC, on Windows with O_BINARY, and such an opener passes them on.
    is_text = not flags & (os.O_BINARY | os.O_CLOEXEC) and path != os.devnull
    if is_text and package(sys._getframe(1).f_globals) in PROJECT:
        raise AssertionError(f"{path} is opened in text mode")
    return linux_open(path, flags & ~os.O_BINARY, *arguments, **options)
os.open = windows_open
"""
_OPEN_FILES: Final = """
import os, stat
def is_open(path):
    try:
        found = os.stat(path)
    except OSError:
        return False
    for descriptor in range(3, 256) if stat.S_ISREG(found.st_mode) else ():
        try:
            if os.path.samestat(found, os.fstat(descriptor)):
                return True
        except OSError:
            pass
    return False

def refuse_open_files(event, arguments):
    if event in ("os.rename", "os.remove"):
        for path in arguments[:1] if event == "os.remove" else arguments[:2]:
            if is_open(path):
                raise PermissionError(13, "The process cannot access the file", str(path))
sys.addaudithook(refuse_open_files)
"""
_EVENT_LOOP: Final = """
from asyncio import selector_events, unix_events
def refuse(*_): raise NotImplementedError
for name in ("add_reader", "remove_reader", "add_writer", "remove_writer"):
    setattr(selector_events.BaseSelectorEventLoop, name, refuse)
for name in ("add_signal_handler", "remove_signal_handler"):
    setattr(unix_events._UnixSelectorEventLoop, name, refuse)
"""
_UNIX_SOCKETS: Final = """
import socket
del socket.AF_UNIX
def socketpair():
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        return server.accept()[0], client
socket.socketpair = socketpair
"""
_PROCESS_GROUPS: Final = """
import os, subprocess
subprocess.CREATE_NEW_PROCESS_GROUP = 0x200
class Process(subprocess.Popen):
    def __init__(self, *arguments, **options):
        if options.pop("process_group", -1) != -1:
            raise ValueError("without effect on Windows")
        options.pop("start_new_session", None)
        options.pop("creationflags", None)
        super().__init__(*arguments, **options)
subprocess.Popen = Process
for name in ("getpgid", "killpg", "setpgid", "setsid"): delattr(os, name)
"""
_LIBRARY: Final = """
import ctypes
class Library(ctypes.CDLL):
    def __init__(self, name, *arguments, **options):
        {refusal}
        super().__init__(name, *arguments, **options)
    def __getattr__(self, name):
        if name == "malloc_trim": raise AttributeError(name)
        return super().__getattr__(name)
ctypes.CDLL = Library
"""
_PROC: Final = """
def refuse_proc(event, arguments):
    if event == "open" and str(arguments[0]).startswith("/proc/") and is_for_project():
        raise FileNotFoundError(2, "No such file or directory", arguments[0])
sys.addaudithook(refuse_proc)
"""

CHILDREN: Final = "unit/server/models/test_sandbox.py unit/server/decoders"
FILES: Final = (
    "unit/clients/test_atomic_file.py unit/clients/test_special_file.py "
    "unit/clients/batch/test_resume.py unit/clients/batch/test_sorting.py"
)
FEATURES: Final = (
    Feature("locks of files (fcntl)", "Windows", _module("fcntl")[0] + _MSVCRT,
            _module("fcntl")[1], f"{FILES} unit/training/test_file_lock.py"),
    Feature("limits of processes (resource)", "Windows", *_module("resource"), CHILDREN),
    Feature("O_NOFOLLOW, O_NONBLOCK, O_NOCTTY", "Windows",
            *_attributes("os", "O_NOFOLLOW O_NONBLOCK O_NOCTTY"),
            f"{FILES} unit/server/models/test_registry.py "
            "unit/test_credential_files.py"),
    Feature("binary mode of os.open", "Windows", _TEXT_MODE,
            "import os; assert not hasattr(os, 'O_BINARY')",
            f"{FILES} unit/clients/sources/test_find.py unit/server/models/test_sandbox.py"),
    # Without locks, files are closed before.
    Feature("renaming and removing open files, and locks", "Windows",
            _module("fcntl")[0] + _MSVCRT + _OPEN_FILES,
            "import os, tempfile\n"
            "with tempfile.NamedTemporaryFile(delete=False) as file: os.unlink(file.name)",
            f"{FILES} unit/clients/draw/test_corrections.py "
            "unit/clients/bench/test_result_file.py unit/training/test_datasets.py"),
    Feature("signals but SIGINT and SIGTERM, and timers", "Windows",
            *_attributes("signal", "SIGALRM SIGHUP SIGKILL SIGPIPE SIGPROF SIGUSR1 SIGXCPU alarm "
                         "pthread_kill setitimer siginterrupt"),
            f"{CHILDREN} unit/server/ops unit/clients/cli"),
    Feature("signals and pipes in the event loop", "Windows", _EVENT_LOOP,
            "import asyncio, os; asyncio.new_event_loop().add_reader(os.pipe()[0], print)",
            "unit/clients/bench/test_calls.py unit/server/decoders "
            "integration/clients/test_calls.py integration/server/test_recognize.py"),
    Feature("cores of a process", "macOS, Windows", *_attributes("os", "sched_getaffinity"),
            "unit/server/test_settings.py unit/clients/bench/test_options.py"),
    Feature("priorities of processes", "Windows", *_attributes("os", "setpriority"),
            "unit/server/decoders"),
    Feature("fork", "Windows", *_attributes("os", "fork forkpty"),
            f"{CHILDREN} unit/clients/bench/test_cli.py"),
    Feature("process groups", "Windows", _PROCESS_GROUPS, "import os; os.getpgid(0)",
            f"{CHILDREN} unit/clients/cli"),
    Feature("Unix sockets", "Windows", _UNIX_SOCKETS, "import socket; socket.AF_UNIX",
            "unit/server/test_settings.py unit/server/ops unit/clients/test_special_file.py"),
    Feature("sharing a port", "macOS, Windows", *_attributes("socket", "SO_REUSEPORT"),
            "unit/server/test_settings.py unit/server/ops"),
    Feature("malloc_trim", "macOS", _LIBRARY.format(refusal="pass"),
            "import ctypes; ctypes.CDLL(None).malloc_trim", "unit/server/decoders unit/server/ops"),
    Feature("the C library by no name", "Windows",
            _LIBRARY.format(refusal="if name is None: raise TypeError('bad argument type')"),
            "import ctypes; ctypes.CDLL(None)", "unit/server/decoders unit/server/ops"),
    Feature("/proc", "macOS, Windows", _PROC, _in_project("open('/proc/self/statm')"),
            f"{CHILDREN} unit/server/ops unit/clients/bench/test_result_file.py"),
    Feature("Tk", "Pythons without it", "sys.modules['_tkinter'] = None\n", "import tkinter",
            "unit/clients/draw/test_platforms.py unit/clients/draw/test_commands.py"),
)  # fmt: skip
"""What the code uses on Linux and guards against the lack of, except extras."""

# Popen.kill uses SIGKILL on Linux, but not on Windows.
_HEAD: Final = """
import builtins, subprocess, sys
subprocess.Popen.kill = lambda process: process.send_signal(9)
refused_modules, import_any = [], builtins.__import__

PROJECT = {"digits", "digits_client", "digits_server", "digits_training"}

def package(globals):
    return (globals.get("__package__") or globals.get("__name__") or "").partition(".")[0]

def import_some(name, globals=None, *arguments, **options):
    if name in refused_modules and package(globals or {}) in PROJECT:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return import_any(name, globals, *arguments, **options)

builtins.__import__ = import_some

def is_for_project():
    frame = sys._getframe(2)
    while frame and package(frame.f_globals) not in {"psutil", "tests", *PROJECT}:
        frame = frame.f_back
    return frame and package(frame.f_globals) in PROJECT
"""


def without(
    features: Iterable[Feature], folder: Path, environment: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of processes that lack features.

    Args:
        features: The features to take away.
        folder: An empty folder, for the module that does it.
        environment: The environment variables otherwise.
    """
    code = _HEAD + "".join(feature.code for feature in features)
    (folder / "sitecustomize.py").write_text(code, "utf-8")
    path = os.pathsep.join(filter(None, (str(folder), environment.get("PYTHONPATH"))))
    return {**environment, "PYTHONPATH": path}
