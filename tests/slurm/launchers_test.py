"""The launchers of the README's table in batch scripts: which guarantees hold under which."""
import os
import signal
import unittest

from slurm_support import *

TASKS = [f"task {i}" for i in range(60)]
WAITING = ["wait 1", "wait 2"]
ALL = TASKS[:10] + WAITING + TASKS[10:]


class UnderLauncher:
    """What holds under each of them, differently or not."""

    survives_workers = False

    def start_and_wait(self, *options):
        """A job whose two workers are both at a task that waits, and what is finished."""
        job = self.submit_program(self.launcher, ALL, options)
        return job, self.until_waiting(job)

    def assert_resumes(self, finished):
        """The same job once more."""
        self.go.touch()
        self.calls()
        self.assert_ends(self.submit_program(self.launcher, ALL), 0)
        self.assert_computed_the_rest(finished)
        self.assert_complete(ALL)

    def test_exit_codes_are_true(self):
        self.assert_ends(self.submit_program(self.launcher, TASKS), 0)
        self.assert_complete(TASKS)
        failing = self.write("failing", TASKS[:1])
        job = self.submit_program(self.launcher, TASKS, failing=failing, archive=self.base / "other")
        self.assert_ends(job, 1)
        self.assertIn("1 of 60 tasks failed", job.output)
        self.assert_ends(self.submit_program(self.launcher, TASKS, archive=self.base / "none" / "list.dat"), 74)

    def test_ranks_on_two_nodes(self):
        job, _ = self.start_and_wait("--nodes=2")
        environments = [Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") for pid in self.ranks().values()]
        for node in b"n1", b"n2":
            self.assertTrue(any(b"SLURMD_NODENAME=" + node in environment for environment in environments), node)
        self.go.touch()
        self.assert_ends(job, 0)
        self.assert_complete(ALL)

    def test_usr1_finishes_what_runs_and_the_next_job_computes_the_rest(self):
        many = [f"task {i}" for i in range(2000)]
        job = self.submit_program(self.launcher, many, sleep_us=10000)
        job.until(lambda: len(read_lines(self.ledger)) > 50, "50 calls")
        job.cancel("--batch", "--signal=USR1")
        self.assert_ends(job, 75)
        self.assertIn("was stopped by SIGUSR1", job.output)
        first = self.called()
        self.assertLess(len(first), len(many))
        self.assert_ends(self.submit_program(self.launcher, many, sleep_us=0), 0)
        self.assertEqual(sorted(first + self.called()), sorted(many))
        self.assert_complete(many)

    def test_tasks_that_do_not_stop_when_the_time_is_up_are_given_up(self):
        job = self.submit_program(self.launcher, ALL, env={"TASKER_TIME_LIMIT": "20s"})
        finished = self.until_waiting(job)
        self.assert_ends(job, 75)
        self.assertRegex(job.output, r"was stopped since its time is up in .*: \d+ of 62 tasks are left")
        self.assert_resumes(finished)

    def test_a_cancelled_job_loses_nothing(self):
        job, finished = self.start_and_wait()
        job.cancel()
        self.assert_ends(job, "CANCELLED")
        self.assert_resumes(finished)

    def test_a_worker_that_is_killed(self):
        job, finished = self.start_and_wait()
        os.kill(self.ranks()[2], signal.SIGKILL)
        if self.survives_workers:
            self.go.touch()
            self.assert_ends(job, 0)
            self.assertIn("rank 2 on ", job.output)
            self.assert_complete(ALL)
        else:
            self.assertNotEqual(job.wait(), 0, job)
            self.assert_resumes(finished)

    def test_rank_0_that_is_killed(self):
        job, finished = self.start_and_wait()
        ranks = {rank: os.pidfd_open(pid) for rank, pid in self.ranks().items()}
        os.kill(self.ranks()[0], signal.SIGKILL)
        for rank, pidfd in ranks.items():
            self.assertTrue(has_ended(pidfd, DEADLINE), f"rank {rank} lives on")
            os.close(pidfd)
        self.assertNotIn(job.wait(), (0, 75), job)
        self.assert_resumes(finished)

    def test_a_rank_that_freezes_and_comes_back(self):
        job, _ = self.start_and_wait()
        os.kill(self.ranks()[2], signal.SIGSTOP)
        self.go.touch()
        # Rank 1 goes on with all but what rank 2 holds.
        job.until(lambda: len(read_lines(self.ledger)) > len(ALL) / 2, "the other's tasks")
        os.kill(self.ranks()[2], signal.SIGCONT)
        self.assert_ends(job, 0)
        self.assertEqual(self.called(), sorted(ALL))
        self.assert_complete(ALL)


# In the shell's place, so that signals for the batch script are its own.
class Mpirun(UnderLauncher, SlurmTest):
    launcher = "exec mpirun -n 3"


class TaskerLaunch(UnderLauncher, SlurmTest):
    launcher = f"exec {TOOL} launch"
    survives_workers = True


class Srun(UnderLauncher, SlurmTest):
    launcher = "exec srun --mpi=pmix"

    def test_ranks_that_sleep_are_woken(self):
        # No lost wake-up between two nodes.
        tests = "'[#mailbox_test],[#mailbox_wait_test]'"
        job = self.submit(f"{self.launcher} {os.environ['TASKER_MPI_TESTS']} -# {tests}", "--nodes=2")
        self.assert_ends(job, 0)
        self.assertIn("All tests passed", job.output)

    def test_without_pmix_it_is_refused_with_what_to_type(self):
        job = self.submit_program("exec srun", TASKS)
        self.assert_ends(job, 2)
        self.assertIn("srun started 3 processes that don't know of each other", job.output)
        self.assertIn("type 'srun --mpi=pmix' or 'mpirun' instead", job.output)
        self.assertEqual(self.called(), [])

    def test_one_process_in_a_job_of_three_tasks_is_no_mistake(self):
        for launcher in "exec", "exec srun -n 1":
            self.assert_ends(self.submit_program(launcher, TASKS), 0)
            self.assertEqual(self.called(), sorted(TASKS))
            self.archive.unlink()


if __name__ == "__main__":
    unittest.main()
