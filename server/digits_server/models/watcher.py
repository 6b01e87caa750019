"""Watching a models folder, to serve a better version as soon as it appears."""

import asyncio
import contextlib
import itertools
import logging
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from digits_server.errors import ModelError

from .loaded import LoadedModel
from .registry import Candidate, versions
from .sandbox import run_in_sandbox

if TYPE_CHECKING:
    # Each child process imports this module, and prometheus_client takes 0.07 s.
    from digits_server.ops.metrics import Metrics

logger = logging.getLogger(__name__)

_MAX_REASON_LENGTH: Final = 500
_MAX_LISTED: Final = 5
_MAX_FOLDER_ENTRIES: Final = 64

# Name, size, modification and change time of each file in a folder. A different signature means
# that the folder has changed, for example because the rest of a copy has arrived.
_Signature = tuple[tuple[str, int, int, int], ...]


class ModelWatcher:
    """Keeps the best version in a models folder loaded.

    The best version is the highest that can be served, or the pinned one. A version is loaded,
    warmed up and self-tested while the served one stays in use, first in a child process and
    then in this one, and replaces the served one only if it is good. A rejected version is not
    loaded again until its folder changes. If the folder of the served version is removed, the
    best remaining version replaces it.

    Not thread-safe: call it from the event loop only. Files are read and models are loaded in a
    thread.
    """

    def __init__(
        self,
        models_dir: Path,
        pinned_version: int,
        cores: int,
        metrics: "Metrics",
        precision: str = "float32",
        *,
        uses_sandbox: bool = True,
    ) -> None:
        """Create a watcher that has loaded nothing yet.

        Args:
            models_dir: Folder with one folder per version.
            pinned_version: The only version to serve; 0 for the highest.
            cores: Number of threads that may call a model at the same time.
            metrics: Metrics in which loads and rejected versions are counted.
            precision: A key of ``MODEL_FILES``. A version without that file is rejected.
            uses_sandbox: Whether a version is first loaded in a child process.
        """
        self._models_dir = models_dir
        self._pinned_version = pinned_version
        self._cores = cores
        self._metrics = metrics
        self._precision = precision
        self._uses_sandbox = uses_sandbox
        self._served: LoadedModel | None = None
        self._rejected: dict[int, tuple[_Signature | None, str]] = {}
        self._check_lock = asyncio.Lock()
        self._last_problem = ""
        self._loading: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext

    @property
    def rejected(self) -> dict[str, str]:
        """The versions in the folder that cannot be served, each with the reason."""
        return {str(version): reason for version, (_, reason) in self._rejected.items()}

    async def load_first(self) -> LoadedModel:
        """Return the best model in the folder.

        Raises:
            ModelError: None can be served.
        """
        model = await self.check()
        if model is None:
            raise ModelError(f"the best model of {self._models_dir} is already served")
        return model

    async def check(self, *, retry_rejected: bool = False) -> LoadedModel | None:
        """Check the folder once, and return a model that is to replace the served one, if any.

        Args:
            retry_rejected: Whether to load rejected versions again although they are unchanged.

        Raises:
            ModelError: No model is served and none can be.
        """
        async with self._check_lock:
            if retry_rejected:
                self._rejected.clear()
            better = await self._load_better()
            self._metrics.rejected_models.set(len(self._rejected))
            self._metrics.model_missing.set(bool(self._last_problem))
            if better is not None:
                self._served = better
            return better

    async def watch(
        self,
        poll_seconds: float,
        check_now: asyncio.Event,
        on_check: Callable[[LoadedModel | None], None],
        loading: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
    ) -> None:
        """Check the folder periodically until cancelled. Errors are logged.

        Args:
            poll_seconds: Time between two checks; 0 to check only on ``check_now``.
            check_now: Set to check at once and to load rejected versions again.
            on_check: Called in the event loop after each check, with a model that is to replace
                the served one, if any.
            loading: Returns a context in which a version is loaded in this process.
        """
        self._loading = loading
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(poll_seconds or None):
                    await check_now.wait()
            retry_rejected = check_now.is_set()
            check_now.clear()
            try:
                on_check(await self.check(retry_rejected=retry_rejected))
            except Exception:
                logger.exception("checking %s for models failed", self._models_dir)

    async def _load_better(self) -> LoadedModel | None:
        try:
            found = await asyncio.to_thread(versions, self._models_dir)
        except ModelError as error:
            self._report_problem(str(error))
            return None
        self._rejected = {
            version: rejection for version, rejection in self._rejected.items() if version in found
        }
        candidates = [version for version in found if self._pinned_version in (0, version)]
        for version in candidates:
            if self._served is not None and self._served.manifest.version == str(version):
                self._last_problem = ""
                return None
            model = await self._load(version)
            if model is not None:
                self._last_problem = ""
                return model
        if self._rejected:
            reasons = [reason for _, reason in self._rejected.values()]
            self._report_problem("; ".join(reasons[:_MAX_LISTED]))
        elif not found:
            self._report_problem(
                f"{self._models_dir} contains no models: "
                "none of its folders is named by a version number"
            )
        else:
            self._report_problem(
                f"{self._models_dir} has no version {self._pinned_version}; "
                f"it has {', '.join(map(str, found[:_MAX_LISTED]))}"
            )
        return None

    async def _load(self, version: int) -> LoadedModel | None:
        folder = self._models_dir / str(version)
        signature = await asyncio.to_thread(_signature, folder)
        last_signature, last_reason = self._rejected.get(version, (None, ""))
        if signature == last_signature:
            return None
        try:
            if len(signature) > _MAX_FOLDER_ENTRIES:
                raise ModelError(f"{folder} has more than {_MAX_FOLDER_ENTRIES} entries")
            candidate = await asyncio.to_thread(Candidate.read, folder, self._precision)
            if self._uses_sandbox:
                await run_in_sandbox(candidate)
            with self._loading():
                model = await asyncio.to_thread(candidate.load, self._cores)
        except Exception as error:  # noqa: BLE001 - lower versions may be good
            reason = str(error)[:_MAX_REASON_LENGTH]
            if isinstance(error, ModelError):
                self._rejected[version] = (signature, reason)
            else:  # for example, no process can be started; the next check may succeed
                reason = f"{folder} cannot be loaded now: {type(error).__name__}: {reason}"
                self._rejected[version] = (None, reason)
            self._metrics.model_loads.labels("rejected").inc()
            if reason != last_reason:
                logger.warning("model %d is rejected: %s", version, reason)
            return None
        self._rejected.pop(version, None)
        self._metrics.model_loads.labels("loaded").inc()
        return model

    def _report_problem(self, problem: str) -> None:
        """Raise a ModelError if no model is served; otherwise log the problem once."""
        if self._served is None:
            raise ModelError(problem)
        if problem != self._last_problem:
            self._last_problem = problem
            version = self._served.manifest.version
            logger.warning("model %s is still served from memory: %s", version, problem)


def _signature(folder: Path) -> _Signature:
    try:
        with os.scandir(folder) as entries:
            # One more than allowed, which is enough to reject the folder.
            files = [
                (entry.name, entry.stat(follow_symlinks=False))
                for entry in itertools.islice(entries, _MAX_FOLDER_ENTRIES + 1)
            ]
    except OSError:  # the folder is being removed or renamed
        return ()
    return tuple(
        sorted((name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) for name, stat in files)
    )
