"""A pseudo-terminal with the program in it: types, waits for text, presses Ctrl-C."""

import contextlib
import os
import pty
import select
import subprocess
import termios
import time

from harness import paths


class Terminal:
    """One command on a terminal of its own, which is its controlling one. Not thread-safe."""

    def __init__(self, home, *arguments, **environment):
        self.seen = ""  # all that was printed, echoes included
        self._from = 0  # what wait_for() has not passed yet
        self._master, slave = pty.openpty()
        variables = {"XINGCHA_HOME": str(home.root), "TERM": "dumb", **environment}
        self.process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", str(paths.PROGRAM), *arguments],
            stdin=slave, stdout=slave, stderr=slave, env=paths.clean_environment(**variables),
        )
        os.close(slave)

    def type(self, text):
        os.write(self._master, text.encode())

    def enter(self, line):
        self.type(line + "\r")

    def press_ctrl_c(self):
        self.type("\x03")

    def _read(self, seconds):
        ready, _, _ = select.select([self._master], [], [], seconds)
        if not ready:
            return True
        try:
            piece = os.read(self._master, 65536)
        except OSError:  # the other side is closed
            return False
        self.seen += piece.decode(errors="replace")
        return bool(piece)

    def pump(self):
        """Reads what is there."""
        return self._read(0.05)

    def left(self):
        """What was printed after the last wait."""
        return self.seen[self._from :]

    def wait_for(self, text):
        """What was printed up to `text`, from where the last wait ended."""
        deadline = time.monotonic() + paths.PATIENCE_S
        while text not in self.seen[self._from :]:
            open_still = self._read(0.5)
            assert time.monotonic() < deadline, f"{text!r} did not come: {self.seen!r}"
            assert open_still or text in self.seen[self._from :], f"ended before {text!r}: {self.seen!r}"
        at = self.seen.index(text, self._from)
        before, self._from = self.seen[self._from : at], at + len(text)
        return before

    def wait_for_prompt(self, prompt=">>> "):
        """Until keys go to the line editor: it prints the prompt before it takes the terminal over."""
        before = self.wait_for(prompt)
        deadline = time.monotonic() + paths.PATIENCE_S
        while termios.tcgetattr(self._master)[3] & termios.ICANON:
            assert time.monotonic() < deadline, f"no line editor: {self.seen!r}"
            time.sleep(0.01)
        return before

    def end(self):
        """The exit status, once the program ends by itself."""
        deadline = time.monotonic() + paths.PATIENCE_S
        while self._read(0.2) and time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
        return self.process.wait(paths.PATIENCE_S)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            os.close(self._master)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()
