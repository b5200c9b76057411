"""tasker submit: the job does what was asked for, and comes back until nothing is left to compute."""
import os
import re
import subprocess
import unittest

from slurm_support import *

TASKS = [f"task {i}" for i in range(10)]
# One worker may have two chunks of four of them, one behind the other; then the other one has the next.
WAITING = [f"wait {i}" for i in range(10)]
# Many, so that a job that is stopped has something left.
AFTER = [f"after {i}" for i in range(600)]
ALL = TASKS + WAITING + AFTER


class Submit(SlurmTest):
    def submit_by_tool(self, flags, arguments=ALL, env={}, **settings):
        outcome = self.tool("submit", *flags, *self.words(arguments, **settings), env=env)
        self.assertEqual(outcome.returncode, 0, outcome.stderr)
        number = int(outcome.stdout)
        return self.job(number, self.base / f"worklist-{number}.out")

    def words(self, arguments, **settings):
        return super().words(arguments, **{"sleep_us": 10000, **settings})

    def start_and_wait(self, *flags, **settings):
        """The same, once its two workers are at tasks that wait; and what is finished."""
        job = self.submit_by_tool(["--ntasks=3", *flags], **settings)
        return job, self.until_waiting(job)

    def drain(self, job):
        self.stop(job)
        self.go.touch()

    def reach_limit(self, job):
        """As if its time were over; Slurm looks every half a minute."""
        slurm("scontrol", "update", f"jobid={job.number}", "endtime=now+1")

    def test_every_flag_counts(self):
        flags = ["-N", "2", "--ntasks", "4", "--time=20", "-p", "main", "--mem=2G", "--requeue=7",
                 "--comment=two \"words\" \\ #1", "--", "--nice=5"]
        self.go.touch()
        env = {"TASKER_COLUMNS": "it's", "TASKER_ON_FAILURE": "stop"}
        printed = self.tool("submit", "--dry-run", *flags, "true", "a b", "", env=env).stdout
        self.assertEqual(list(self.base.glob("*.sbatch")), [])
        self.assertIn("launch --requeue 7 true 'a b' ''\n", printed)
        job = self.submit_by_tool(flags, env=env, version="a 'b'")
        self.assert_ends(job, 0)
        for field, value in {"NumNodes": "2", "NumTasks": "4", "TimeLimit": "00:20:00", "Partition": "main",
                             "Requeue": "1", "MinMemoryNode": "2G", "JobName": "worklist", "WorkDir": str(self.base),
                             "StdOut": str(self.base / f"worklist-{job.number}.out")}.items():
            self.assertEqual(job[field], value, field)
        self.assertIn("Comment=two \"words\" \\ #1 \n", slurm("scontrol", "show", "job", job.number) + "\n")
        self.assertIn("Nice=5 ", slurm("scontrol", "show", "job", job.number))
        self.assertIn("3 workers", job.output)
        self.assertEqual(self.called(), sorted(ALL))
        self.assertEqual(archive_parts(self.archive)[0]["manifest"]["columns"], ["it's"])
        # What was printed is what is submitted.
        script = (self.base / "worklist.sbatch").read_text()
        self.assertEqual(script.split("exec ")[0].replace("worklist", "true"), printed.split("exec ")[0])
        self.assertEqual(slurm("scontrol", "write", "batch_script", job.number, "-") + "\n", script)

    def test_wait_ends_as_the_job_does(self):
        failing = self.write("failing", TASKS[:1])
        for code, settings in (0, {}), (1, {"failing": failing, "version": "2"}), (74, {"archive": "/nowhere/at/all"}):
            outcome = self.tool("submit", "--ntasks=2", "--wait", *self.words(TASKS, **settings))
            self.assertEqual(outcome.returncode, code, outcome)
            self.assertRegex(outcome.stdout, r"^\d+\n$")

    def test_wait_lasts_until_the_job_has_come_back(self):
        waiting = subprocess.Popen([TOOL, "submit", "--ntasks=3", "--wait", *self.words(ALL)], cwd=self.base, text=True,
                                   env=self.environment({}), stdout=subprocess.PIPE)
        self.addCleanup(lambda: waiting.poll() is not None or waiting.kill())
        number = int(waiting.stdout.readline())
        job = self.job(number, self.base / f"worklist-{number}.out")
        self.until_waiting(job)
        self.drain(job)
        self.assertEqual(waiting.wait(DEADLINE), 0, job)
        waiting.stdout.close()
        self.assertEqual(job["Restarts"], "1")
        self.assertEqual(self.called(), sorted(ALL))

    def test_wrong_usage_submits_nothing(self):
        for words, message in {
            ("--mem", "4G", "true"): "cannot run 4G",
            ("--time", "soon", "true"): "--time soon: such as 30, for minutes",
            ("./nowhere",): "cannot run ./nowhere",
            ("--ntasks=2",): "submit what?",
        }.items():
            outcome = self.tool("submit", *words)
            self.assertEqual(outcome.returncode, 2, outcome)
            self.assertIn(message, outcome.stderr)
        (self.base / "true.sbatch").write_text("mine\n")
        outcome = self.tool("submit", "true")
        self.assertEqual(outcome.returncode, 2, outcome)
        self.assertIn("true.sbatch was not written by tasker submit", outcome.stderr)
        self.assertEqual((self.base / "true.sbatch").read_text(), "mine\n")
        self.assertNotEqual(self.tool("submit", "--partition=nowhere", "false").returncode, 0)
        self.assertEqual(slurm("squeue", "-h", "-n", "true,false"), "")

    def test_a_job_that_its_limit_kills_comes_back_and_finishes(self):
        job, finished = self.start_and_wait("--time=5", "--nodes=2")
        self.reach_limit(job)
        job.until(lambda: job["Restarts"] == "1", "the requeue")
        self.calls()
        self.go.touch()
        self.assert_ends(job, 0)
        self.assert_computed_the_rest(finished)
        self.assert_complete(ALL)
        self.assert_tidy()
        self.assertIn("DUE TO TIME LIMIT", job.output)
        self.assertIn(f"job {job.number} goes back into the queue", job.output)

    def test_a_job_is_told_before_its_limit_and_finishes_what_runs(self):
        job, finished = self.start_and_wait("--time=30")
        slurm("scontrol", "update", f"jobid={job.number}", "endtime=now+110")
        job.until(lambda: "Forwarding signal 10" in job.output, "USR1")
        self.go.touch()
        job.until(lambda: job["Restarts"] == "1", "the requeue")
        self.assertIn("was stopped by SIGUSR1", job.output)
        self.assert_ends(job, 0)
        self.assertEqual(self.called(), sorted(ALL))  # nothing twice

    def test_a_cancelled_job_stays_away(self):
        job, finished = self.start_and_wait()
        job.cancel()
        self.assert_ends(job, "CANCELLED")
        self.assertEqual(job["Restarts"], "0")
        self.assert_tidy()
        # The same command again.
        self.go.touch()
        self.calls()
        self.assert_ends(self.submit_by_tool(["--ntasks=3"]), 0)
        self.assert_computed_the_rest(finished)
        self.assert_complete(ALL)

    def test_it_comes_back_so_often_without_progress(self):
        job, _ = self.start_and_wait("--requeue=1")
        for waiting in 4, 6:  # the second run has ten tasks less to do, the third has not
            job.cancel("--batch", "--signal=TERM")
            self.until_waiting(job, waiting)
        job.cancel("--batch", "--signal=TERM")
        self.assert_ends(job, 75)
        self.assertEqual(job["Restarts"], "2")
        self.assertIn(f"job {job.number} has come back once without progress and ends here", job.output)
        self.assert_tidy()

    def test_a_requeued_job_does_not_try_failures_again(self):
        job, _ = self.start_and_wait(failing=self.write("failing", TASKS[:1]))
        self.drain(job)
        self.assert_ends(job, 1)
        self.assertIn(f"1 of {len(ALL)} tasks failed", job.output)
        self.assertEqual(job["Restarts"], "1")
        self.assertEqual(self.called(), sorted(ALL))
        # But the next one does.
        self.assert_ends(self.submit_by_tool(["--ntasks=3"]), 0)
        self.assertEqual(self.called(), TASKS[:1])

    def test_where_requeueing_is_forbidden_a_new_job_goes_on(self):
        job, _ = self.start_and_wait("--no-requeue")
        self.drain(job)
        self.assert_ends(job, 75)
        self.assertEqual(job["Restarts"], "0")
        said = re.search(r"can't be requeued \(Requested operation is presently disabled.*; job (\d+) goes on",
                         job.output)
        self.assertTrue(said, job)
        other = self.job(int(said.group(1)), self.base / f"worklist-{said.group(1)}.out")
        self.assert_ends(other, 0)
        self.assertEqual(self.called(), sorted(ALL))
        self.assert_complete(ALL)
        self.assert_tidy()


class OwnScripts(SlurmTest):
    """Those that examples/time.md shows, as they are."""

    def test_they_come_back_when_they_are_stopped(self):
        page = (Path(__file__).parents[2] / "examples/time.md").read_text()
        scripts = re.findall(r"```bash\n(#!/bin/bash\n#SBATCH .*?)```", page, re.S)
        self.assertEqual(len(scripts), 2)
        for script, who in zip(scripts, (["--batch"], [])):
            self.doCleanups()
            self.setUp()
            (self.base / "input.txt").touch()
            program = self.base / "myjob"
            program.write_text(f"#!/bin/sh\n[ $1 = input.txt ] && exec {' '.join(self.words(ALL, sleep_us=10000))}\n")
            program.chmod(0o755)
            (self.base / "script").write_text(script)
            environment = {**self.environment({}), "PATH": f"{Path(TOOL).parent}:{os.environ['PATH']}"}
            number = int(slurm("sbatch", "--parsable", "--ntasks=3", f"--output={self.base}/out", "script",
                               cwd=self.base, env=environment))
            job = self.job(number, self.base / "out")
            self.until_waiting(job)
            job.cancel(*who, "--signal=USR1")
            # Slurm does not say when it has; the ranks would end with 0 if they came to the end before.
            self.go.touch()
            self.assert_ends(job, 0)
            self.assertEqual(job["Restarts"], "1", job)
            self.assertIn("was stopped by SIGUSR1", job.output)
            self.assertEqual(self.called(), sorted(ALL))
            self.assert_complete(ALL)


if __name__ == "__main__":
    unittest.main()
