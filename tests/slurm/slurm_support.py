"""What the tests with a real Slurm share: batch jobs of the worklist program, in the Slurm that with-slurm started."""
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "end_to_end"))

from support import *

# Seconds; as many tests go on side by side, and requeued jobs wait for half a minute.
DEADLINE = 150

def slurm(*command, **others):
    """What such a command prints; it must succeed."""
    outcome = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=DEADLINE, **others)
    if outcome.returncode != 0:
        raise AssertionError(f"{command}: exit code {outcome.returncode}\n{outcome.stdout}{outcome.stderr}")
    return outcome.stdout.strip()


class Job:
    """A batch job."""

    def __init__(self, number, output):
        self.number, self._output = number, output

    @property
    def output(self):
        return self._output.read_text() if self._output.exists() else ""

    def __getitem__(self, field):
        """What `scontrol show job` says, such as JobState, Restarts or ExitCode."""
        fields = slurm("scontrol", "show", "job", "--oneliner", self.number).split(" ")
        return dict(field.split("=", 1) for field in fields if "=" in field)[field]

    def until(self, condition, what):
        end = time.monotonic() + DEADLINE
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"waited {DEADLINE} s in vain for {what}\n{self}")
            time.sleep(0.1)

    def wait(self):
        """Until it has ended for good; its exit code, or how else it ended."""
        unfinished = ("PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "REQUEUED", "SUSPENDED")
        self.until(lambda: self["JobState"] not in unfinished, "the job's end")
        state = self["JobState"]
        return int(self["ExitCode"].split(":")[0]) if state in ("COMPLETED", "FAILED") else state

    def cancel(self, *options):
        slurm("scancel", *options, self.number)

    def __str__(self):
        return slurm("scontrol", "show", "job", self.number) + f"\n== its output\n{self.output}"


class SlurmTest(WorklistTest):
    """Jobs start in the test's directory; tasks "wait ..." end when there is `self.go`."""

    def setUp(self):
        super().setUp()
        self.go = self.base / "go"

    def environment(self, extra):
        return {**super().environment(extra), "SLURM_CONF": os.environ["SLURM_CONF"]}

    def job(self, number, output):
        job = Job(number, output)
        self.addCleanup(lambda: subprocess.run(["scancel", str(number)], capture_output=True))
        return job

    def tool(self, *words, env={}):
        return subprocess.run([TOOL, *words], cwd=self.base, env=self.environment(env), capture_output=True, text=True,
                              timeout=DEADLINE)

    def submit(self, script, *options, env={}):
        """A job of three tasks with this script."""
        path = self.base / f"job.{next(self.numbers)}"
        path.write_text(f"#!/bin/bash\n{script}\n")
        output = path.with_suffix(".out")
        outcome = subprocess.run(
            ["sbatch", "--parsable", "--ntasks=3", "--open-mode=append", f"--output={output}", *options, path],
            cwd=self.base, env=self.environment(env), capture_output=True, text=True, timeout=DEADLINE)
        self.assertEqual(outcome.returncode, 0, outcome.stderr)
        return self.job(int(outcome.stdout), output)

    def submit_program(self, launcher, arguments=None, options=(), env={}, **settings):
        return self.submit(f"{launcher} {' '.join(self.words(arguments, **settings))}", *options, env=env)

    def words(self, arguments, **settings):
        """The program's command line."""
        return self.program(arguments, **{"sleep_us": 1000, "wait_for": self.go, **settings})[0]

    def assert_ends(self, job, code):
        self.assertEqual(job.wait(), code, str(job))

    def stop(self, job):
        job.cancel("--batch", "--signal=USR1")
        self.until_stopped(job)

    def until_stopped(self, job):
        """Until tasker launch has heard of SIGUSR1."""
        job.until(lambda: "Forwarding signal 10" in job.output, "USR1")

    def until_waiting(self, job, count=2):
        """Until so many tasks wait; what is finished then."""
        job.until(lambda: sum(" wait " in line for line in read_lines(self.ledger)) == count, "tasks that wait")
        return {line["argument"] for line in self.load().lines if line["result"] is not None}

    def assert_computed_the_rest(self, finished):
        """Since calls were asked for the last time nothing was computed twice, and nothing that was finished."""
        called = self.called()
        self.assertTrue(finished)
        self.assertEqual(len(called), len(set(called)))
        self.assertFalse(finished & set(called))

    def assert_complete(self, arguments):
        """As an undisturbed run would have left it."""
        self.assertEqual(archive_results(self.archive), self.serial(arguments, wait_for=self.go)[1])
        self.assertFalse(self.directory.exists())

    def assert_tidy(self):
        self.assertEqual(list(self.base.glob("*.history")), [])

    def ranks(self):
        """A process id for each rank."""
        return dict(map(int, line.split()) for line in read_lines(self.pids))
