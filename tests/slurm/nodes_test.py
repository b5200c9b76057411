"""A node that fails: the job is started anew, and goes on once the ranks of the lost one are gone."""
import os
import re
import signal
import time
import unittest

from slurm_support import *

TASKS = [f"task {i}" for i in range(10)]
WAITING = ["wait 1", "wait 2"]
ALL = TASKS + WAITING + ["after"]


class Nodes(SlurmTest):
    """One after the other: they take nodes away from each other."""

    def setUp(self):
        super().setUp()
        for node in "n1", "n2":
            self.until_idle(node)

    def until_idle(self, node):
        """A node that an earlier test has taken away comes back."""
        end = time.monotonic() + DEADLINE
        while not re.search(r"State=IDLE(\s|$)", state := slurm("scontrol", "show", "node", node)):
            self.assertLess(time.monotonic(), end, state)
            if "State=DOWN" in state:
                slurm("scontrol", "update", f"nodename={node}", "state=resume")
            time.sleep(0.5)

    def submit_and_wait(self, launcher, *options, env={}):
        """A job whose workers are at tasks that wait; pidfds of its ranks; what is finished."""
        job = self.submit_program(launcher, ALL, ["--nodes=1", *options], env)
        finished = self.until_waiting(job)
        ranks = [os.pidfd_open(pid) for pid in self.ranks().values()]
        for rank in ranks:
            self.addCleanup(os.close, rank)
        return job, ranks, finished

    def set_down(self, job):
        slurm("scontrol", "update", "nodename=" + job["NodeList"], "state=down", "reason=test")

    def assert_gone(self, ranks):
        for rank in ranks:
            self.assertTrue(has_ended(rank, DEADLINE), "a rank of the lost job lives on")

    def assert_finishes(self, job, finished):
        self.calls()
        self.go.touch()
        self.assert_ends(job, 0)
        self.assert_computed_the_rest(finished)
        self.assert_complete(ALL)

    def lose_node_but_not_ranks(self, env={}):
        """A job that comes back while ranks live on that Slurm can't reach: mpirun starts them itself, and the
        node's slurmd is frozen."""
        alone = {"OMPI_MCA_plm": "^slurm", "OMPI_MCA_ras": "^slurm", **env}
        launcher = f"exec {TOOL} launch --requeue 1 -n 3"
        job, ranks, finished = self.submit_and_wait(launcher, "--requeue", env=alone)
        slurmd = int((Path(os.environ["SLURM_CONF"]).parent / (job["NodeList"] + ".pid")).read_text())
        self.addCleanup(os.kill, slurmd, signal.SIGCONT)
        os.kill(slurmd, signal.SIGSTOP)
        self.set_down(job)
        return job, ranks, finished, slurmd

    def test_while_ranks_of_the_lost_node_live_on_the_job_joins_them(self):
        job, ranks, _, _ = self.lose_node_but_not_ranks()
        job.until(lambda: "joined the run of" in job.output, "its return")
        self.go.touch()
        self.assert_ends(job, 0)
        self.assert_gone(ranks)
        self.assert_complete(ALL)
        self.assertEqual(self.called(), sorted(ALL))

    def test_if_it_may_not_join_it_comes_back_again_and_again(self):
        job, ranks, finished, slurmd = self.lose_node_but_not_ranks({"TASKER_JOIN": "never"})
        # More often than it might without progress.
        job.until(lambda: int(job["Restarts"]) >= 3, "its third return")
        self.assertRegex(job.output, f"is held by another run: process .*, Slurm job {job.number}; wait for it to end")
        self.assertFalse(any(has_ended(rank, 0) for rank in ranks))
        os.kill(slurmd, signal.SIGCONT)
        self.assert_gone(ranks)
        self.assert_finishes(job, finished)

    def test_without_a_requeue_the_next_job_goes_on(self):
        for launcher in "exec srun --mpi=pmix", "exec mpirun":
            job, ranks, finished = self.submit_and_wait(launcher, "--no-requeue")
            self.set_down(job)
            self.assert_ends(job, "NODE_FAIL")
            self.assert_gone(ranks)
            self.assert_finishes(self.submit_program(launcher, ALL), finished)
            self.go.unlink()
            self.archive.unlink()


if __name__ == "__main__":
    unittest.main()
