"""What the tests of the converter share."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

PROMPT_LENGTHS = (1, 2, 9, 64, 129, 300)


@pytest.fixture(scope="session")
def prompts():
    random = np.random.default_rng(7)
    return [random.integers(7, 300, length).tolist() for length in PROMPT_LENGTHS]
