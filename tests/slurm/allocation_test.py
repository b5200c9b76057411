"""What a job learns of its time, and how it uses it."""
import os
import unittest

from slurm_support import *

ALLOCATION = os.environ["TASKER_ALLOCATION"]


class Time(SlurmTest):
    def told(self, job):
        return [line for line in job.output.splitlines() if line]

    def test_a_job_learns_its_limit_and_when_that_changes(self):
        job = self.submit(f"exec {ALLOCATION}", "--ntasks=1", "--time=10")
        job.until(lambda: self.told(job), "its limit")
        left, whole = map(int, self.told(job)[0].split())
        self.assertEqual(whole, 600)
        self.assertTrue(500 < left <= 600, left)
        for minutes in (30, 2):
            lines = len(self.told(job))
            slurm("scontrol", "update", f"jobid={job.number}", f"timelimit={minutes}")
            job.until(lambda: len(self.told(job)) > lines, "its new limit")
            left, whole = map(int, self.told(job)[-1].split())
            self.assertEqual(whole, 60 * minutes)
            self.assertTrue(60 * minutes - 100 < left <= 60 * minutes, left)
        job.cancel()

    def test_a_job_without_a_limit_has_none(self):
        job = self.submit(f"exec {ALLOCATION}", "--ntasks=1", "--time=UNLIMITED")
        job.until(lambda: self.told(job), "its limit")
        self.assertEqual(self.told(job), ["none"])
        job.cancel()

    def test_a_limit_of_its_own_makes_a_job_come_back(self):
        names = [f"task {i}" for i in range(60)]
        script = f"exec {TOOL} launch --requeue 5 {' '.join(self.words(names, sleep_us=500_000))}"
        job = self.submit(script, env={"TASKER_TIME_LIMIT": "12s"})
        self.assert_ends(job, 0)
        self.assertGreaterEqual(int(job["Restarts"]), 1)
        self.assertIn("since its time is up", job.output)
        self.assertEqual(self.called(), sorted(names))
        self.assertEqual(archive_results(self.archive), self.serial(names)[1])


if __name__ == "__main__":
    unittest.main()
