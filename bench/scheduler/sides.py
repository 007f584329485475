"""The two programs, seen alike: ask, count what was computed, stop and start again."""
import contextlib
import os
import signal
import time

from client import ask, get_json, must, tokens
from harness.http import Api
from harness.tenants import key_of_tenant
from servers import LlamaServer, Xingcha

STATS_SETTLE_S = 0.05  # the worker publishes its counters after the step that ended the answer


class Own(Xingcha):
    """Xingcha without settings, unless a workload is about one. stop() keeps the home, close() removes it."""
    own = True

    def __init__(self, model, name="xingcha", **settings):
        super().__init__(model)
        kept = {k: v for k, v in os.environ.items() if not k.startswith("XINGCHA_")}
        self.name, self.model_name = name, model
        self.shown = " ".join(f"{k}={v}" for k, v in settings.items())
        self.settings = settings
        self._inherited = {**kept, "XINGCHA_HOME": str(self.home)}

    def __enter__(self):
        self.environment = {**self._inherited, **self.settings}
        return _warmed(self, super())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def restart(self, **settings):
        """The same home; further settings from here on."""
        self.stop()
        self.settings = {**self.settings, **settings}
        self.__enter__()

    def stats(self):
        time.sleep(STATS_SETTLE_S)
        return get_json(self.worker_socket(), "/internal/stats")

    def mark(self):
        return self.stats()["prompt_tokens_computed"]

    def computed(self, mark, _replies):
        return self.mark() - mark

    def key_of(self, tenant):
        api = Api(f"http://127.0.0.1:{self.port}", self.key)
        return key_of_tenant(self.home, api, tenant)

    def chunk_bytes(self):
        """Bytes of the chunk store on disk; None while there is no such folder."""
        folder = self.home / "data" / "chunks"
        if not folder.exists():
            return None
        return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())


class Peer(LlamaServer):
    own = False

    def __init__(self, model, name, program, path, *flags):
        super().__init__(name, program, path, *flags)
        self.model_name = model
        self.shown = " ".join(map(str, flags))

    def __enter__(self):
        return _warmed(self, super())

    def stop(self):
        super().__exit__()

    def restart(self):
        self.stop()
        self.__enter__()

    def mark(self):
        return None

    def computed(self, _mark, replies):
        return sum(r.computed for r in replies)

    def key_of(self, _tenant):
        return None  # it knows no tenants


def _warmed(side, program):
    """Starts it and loads the model: what the first request costs more than others is nobody's measure."""
    program.__enter__()
    try:
        must(ask(side, tokens(8, "warm", time.time()), 2))
    except BaseException:
        program.__exit__()
        raise
    return side


@contextlib.contextmanager
def running(*sides):
    """All of them open at once: measured in turn, so that the machine's drift hits each alike."""
    with contextlib.ExitStack() as stack:
        for side in sides:
            stack.enter_context(side)
        yield sides
