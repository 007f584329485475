"""Homes of the program: fresh folders that share the test model's bytes by hard links."""

import json
import os
import pathlib
import shutil
import subprocess
import tomllib

from harness import paths


class Home:
    """One XINGCHA_HOME. Removed by close(); not thread-safe."""

    def __init__(self, models=True, root=None):
        self.root = pathlib.Path(root) if root else paths.short_folder()
        self.root.mkdir(mode=0o700, exist_ok=True)
        if models:
            self._take_models(private=models == "private")

    def _take_models(self, private):
        source = paths.test_home() / "models"
        if not (source / "manifests" / f"{paths.MODEL}.json").exists():
            raise RuntimeError(f"{paths.test_home()} has no {paths.MODEL}: run ./x test")
        for folder in ("manifests", "blobs", "partial"):
            (self.root / "models" / folder).mkdir(parents=True, mode=0o700)
        manifest = source / "manifests" / f"{paths.MODEL}.json"
        shutil.copy2(manifest, self.root / "models" / "manifests")
        digest = json.loads(manifest.read_text())["weights"]["sha256"]
        blob = f"sha256-{digest}"
        self._take_file(source / "blobs" / blob, self.root / "models" / "blobs" / blob, private)

    @staticmethod
    def _take_file(source, target, private):
        if private:
            shutil.copy2(source, target)
            return
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)

    def weights(self, model=paths.MODEL):
        digest = self.manifest(model)["weights"]["sha256"]
        return self.root / "models" / "blobs" / f"sha256-{digest}"

    def manifest(self, model=paths.MODEL):
        path = self.root / "models" / "manifests" / f"{model}.json"
        return json.loads(path.read_text())

    def credentials(self):
        return tomllib.loads((self.root / "credentials.toml").read_text())

    def database(self):
        return self.root / "data" / "xingcha.db"

    def cli(self, *arguments, stdin=None, check=True, timeout=paths.PATIENCE_S, **environment):
        """Runs the program on this home; stdout, stderr and returncode as text."""
        done = subprocess.run(
            [str(paths.PROGRAM), *map(str, arguments)],
            input=stdin if stdin is not None else "",
            capture_output=True,
            text=True,
            timeout=timeout,
            env=paths.clean_environment(XINGCHA_HOME=str(self.root), **environment),
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{arguments} ended with {done.returncode}: {done.stderr}")
        return done

    def close(self):
        shutil.rmtree(self.root, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()
