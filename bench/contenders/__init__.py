"""What `bench_service.py` compares: programs, rendered projects, what others render."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[2] / "tests"
# The modules beside the tests render projects and run servers.
sys.path[:0] = [str(TESTS / "service"), str(TESTS)]
