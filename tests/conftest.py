"""Fixtures of all tests that drive the real program."""

import os

import pytest

from harness import paths
from harness.server import fresh_server

# The packages under test read these; a proxy has no business with a server on this machine.
for name in list(os.environ):
    if name.upper().endswith("_PROXY"):
        del os.environ[name]


@pytest.fixture(scope="module")
def server(request):
    """One server for a test file, on a fresh home with the small model."""
    with fresh_server() as running:
        failed = request.session.testsfailed
        yield running
        if request.session.testsfailed > failed:
            print(running.log())


@pytest.fixture
def api(server):
    return server.api


@pytest.fixture(scope="session")
def model():
    return paths.MODEL
