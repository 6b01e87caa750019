"""Following a folder of models: a better version is served as soon as it is there and good."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from digits_server.errors import ModelError
from digits_server.ops.metrics import Metrics

from .loaded import LoadedModel
from .registry import load_folder, versions

logger = logging.getLogger(__name__)

# Of the files in a folder: name, size, time of change. Another one means that somebody
# has worked on it, as when the rest of a copy has come.
_Signature = tuple[tuple[str, int, int], ...]


class ModelWatcher:
    """Keeps the best version of a folder of models loaded.

    The best is the highest that can be served, or the one that is asked for. A version is
    loaded, warmed and tried beside the one that is served, and replaces it only if it is
    good; a bad one is left alone until its folder changes. Where the folder of the served
    version is removed, the best of those that are left replaces it.

    Belongs to the event loop; the loading happens in a thread.
    """

    def __init__(
        self,
        models_dir: Path,
        wanted: int,
        threads: int,
        metrics: Metrics,
    ) -> None:
        """Prepare; nothing is loaded yet.

        Args:
            models_dir: Holds a folder for each version.
            wanted: The only version to serve; 0 for the highest.
            threads: That one call of a model may use.
            metrics: Told of each folder that is tried.
        """
        self._models_dir = models_dir
        self._wanted = wanted
        self._threads = threads
        self._metrics = metrics
        self._served: LoadedModel | None = None
        self._rejected: dict[int, tuple[_Signature, str]] = {}
        self._looking = asyncio.Lock()
        self._complaint = ""

    @property
    def rejected(self) -> dict[str, str]:
        """The versions in the folder that cannot be served, each with the reason."""
        return {str(version): reason for version, (_, reason) in self._rejected.items()}

    async def first(self) -> LoadedModel:
        """Return the best model that is there.

        Raises:
            ModelError: None can be served.
        """
        model = await self.look()
        if model is None:
            raise ModelError(f"the best model of {self._models_dir} is served already")
        return model

    async def look(self, *, again: bool = False) -> LoadedModel | None:
        """Look once; return what is better than what was returned before, if anything is.

        Args:
            again: Whether also to try what was rejected and has not changed since.

        Raises:
            ModelError: Nothing is served and nothing can be.
        """
        async with self._looking:
            if again:
                self._rejected.clear()
            better = await asyncio.to_thread(self._better)
            self._metrics.rejected_models.set(len(self._rejected))
            if better is not None:
                self._served = better
            return better

    async def follow(
        self,
        poll_seconds: float,
        asked: asyncio.Event,
        show: Callable[[LoadedModel | None], None],
    ) -> None:
        """Look again and again, until cancelled; what goes wrong is logged.

        Args:
            poll_seconds: Between two looks; 0 for looks only when asked.
            asked: Set to have a look at once, also at what was rejected.
            show: Called in the event loop after each look, with what is to be served now.
        """
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(poll_seconds or None):
                    await asked.wait()
            again = asked.is_set()
            asked.clear()
            try:
                show(await self.look(again=again))
            except Exception:
                logger.exception("looking for models in %s failed", self._models_dir)

    # From here on in a thread, one at a time.

    def _better(self) -> LoadedModel | None:
        try:
            found = versions(self._models_dir)
        except ModelError as error:
            self._complain(str(error))
            return None
        self._rejected = {
            version: reason for version, reason in self._rejected.items() if version in found
        }
        candidates = [version for version in found if self._wanted in (0, version)]
        for version in candidates:
            if self._served is not None and self._served.manifest.version == str(version):
                self._complaint = ""
                return None
            loaded = self._loaded(version)
            if loaded is not None:
                self._complaint = ""
                return loaded
        if self._rejected:
            reasons = "; ".join(reason for _, reason in self._rejected.values())
            self._complain(reasons)
        elif not found:
            self._complain(
                f"{self._models_dir} holds no model: no folder in it is named by a number"
            )
        else:
            have = ", ".join(map(str, found))
            self._complain(f"{self._models_dir} has no version {self._wanted}; it has {have}")
        return None

    def _loaded(self, version: int) -> LoadedModel | None:
        folder = self._models_dir / str(version)
        signature = _signature(folder)
        if version in self._rejected and self._rejected[version][0] == signature:
            return None
        try:
            model = load_folder(folder, self._threads)
        except ModelError as error:
            self._rejected[version] = (signature, str(error))
            self._metrics.model_loads.labels("rejected").inc()
            logger.warning("model %d is not served: %s", version, error)
            return None
        self._rejected.pop(version, None)
        self._metrics.model_loads.labels("loaded").inc()
        return model

    def _complain(self, complaint: str) -> None:
        """Say that there is nothing to serve; what is served goes on being served."""
        if self._served is None:
            raise ModelError(complaint)
        if complaint != self._complaint:  # once, and not at every look
            self._complaint = complaint
            version = self._served.manifest.version
            logger.warning("model %s is served from memory: %s", version, complaint)


def _signature(folder: Path) -> _Signature:
    try:
        files = sorted(folder.iterdir())
        stats = [(file.name, file.stat()) for file in files]
    except OSError:  # it is being removed, or renamed
        return ()
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)
