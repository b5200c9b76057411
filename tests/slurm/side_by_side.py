"""Runs the tests of some modules, each in a process of its own, many at a time: side_by_side.py MODULE...

They mostly wait for Slurm. Each one's output is printed when it has ended.
"""
import concurrent.futures
import subprocess
import sys
import time
import unittest

AT_A_TIME = 8


def names(suite):
    for test in suite:
        yield from names(test) if isinstance(test, unittest.TestSuite) else [test.id()]


def run(name):
    begin = time.monotonic()
    outcome = subprocess.run([sys.executable, "-m", "unittest", name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True)
    print(f"{'ok' if outcome.returncode == 0 else 'FAILED'} {name}, {time.monotonic() - begin:.0f} s", flush=True)
    if outcome.returncode != 0:
        print(outcome.stdout, flush=True)
    return outcome.returncode == 0


with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
    tests = list(names(unittest.defaultTestLoader.loadTestsFromNames(sys.argv[1:])))
    ended_well = list(pool.map(run, tests))
sys.exit(0 if tests and all(ended_well) else 1)
