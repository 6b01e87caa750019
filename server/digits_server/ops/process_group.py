"""Child processes that Ctrl-C does not reach, because the server ends them itself."""

import subprocess
from typing import Any


def own_group() -> dict[str, Any]:
    """Return the arguments that start a child process in a process group of its own."""
    if hasattr(subprocess, "CREATE_NEW_PROCESS_GROUP"):  # Windows
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"process_group": 0}
