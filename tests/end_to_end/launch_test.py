"""tasker launch: whichever process dies, the run goes on without it or can be resumed, and its exit code is true."""
import os
import re
import shlex
import signal
import subprocess
import time
import unittest
from pathlib import Path

from support import *

TASKS = [f"task {i}" for i in range(300)]


class Launch(WorklistTest):
    def launch(self, arguments=TASKS, ranks=4, options=(), **others):
        return self.start(arguments, ranks, launch=options, **{"sleep_us": 5000, **others})

    def tool(self, *arguments, **others):
        return subprocess.run([TOOL, *arguments], env=self.environment({}), cwd=self.base, timeout=DEADLINE,
                              capture_output=True, text=True, **others)

    def until_called(self, run, calls):
        run.until(lambda: len(read_lines(self.ledger)) >= calls, f"{calls} calls")

    def assert_complete(self, outcome, arguments=TASKS):
        self.assertEqual(outcome.code, 0, str(outcome))
        self.assertEqual(outcome.results, self.serial(arguments)[0])
        self.assertFalse(self.directory.exists())

    def test_a_run_without_deaths_is_like_any_other(self):
        outcome = self.launch().wait()
        self.assert_complete(outcome)
        self.assertNotIn("is gone", outcome.err)

    def test_a_worker_that_is_killed_costs_the_task_that_it_was_at(self):
        for ranks, victims in (4, (2,)), (6, (1, 2, 3, 4)):
            run = self.launch(ranks=ranks)
            self.until_called(run, 50)
            for victim in victims:
                run.kill_rank(victim)
            outcome = run.wait()
            self.assertLessEqual(len(self.calls()), len(TASKS) + len(victims))
            self.assert_complete(outcome)
            for victim in victims:
                self.assertIn(f"rank {victim} on ", outcome.err)
            self.assertEqual(outcome.err.count("others take over its unfinished tasks"), len(victims))
            self.archive.unlink()

    def test_the_dead_are_not_counted_as_idle(self):
        go = self.base / "go"
        begin = time.monotonic()
        run = self.launch([f"wait {i}" for i in range(5)], ranks=6, wait_for=go)
        self.until_called(run, 5)
        for victim in 1, 2, 3, 4:
            run.kill_rank(victim)
        run.until(lambda: run.err().count("is gone") == 4, "the news of four deaths")
        # The one that is left is busy for thrice as long as all of this took, so that it would make a fifth at most.
        end = time.monotonic() + 3 * (time.monotonic() - begin)
        run.until(lambda: time.monotonic() > end, "its time", seconds=1000)
        go.touch()
        outcome = run.wait()
        self.assertEqual(outcome.code, 0, str(outcome))
        self.assertGreater(int(re.search(r"utilisation (\d+) %", outcome.err)[1]), 20)

    def children(self, rank):
        """A pidfd for each: its slots' and their guard."""
        pid = next(int(line.split()[1]) for line in read_lines(self.pids) if line.startswith(f"{rank} "))
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        self.assertEqual(len(children), 3)
        return [os.pidfd_open(child) for child in children]

    def test_children_of_a_rank_that_is_killed_go_with_it(self):
        run = self.launch(ranks=3, options=("--slots", "2"), sleep_us=20000)
        self.until_called(run, 10)
        children = self.children(2)
        run.kill_rank(2)
        for child in children:
            self.assertTrue(has_ended(child, DEADLINE), "a child outlived its rank")
            os.close(child)
        self.assert_complete(run.wait())

    def test_programs_that_tasks_have_started_go_with_their_rank(self):
        # One in each of four slots. Ranks whose rank 0 is gone end themselves.
        names = [f"task {i}" for i in range(4)]
        bad = self.write("bad", [f"program {name}" for name in names])
        for victims, code in ((1, 2), 75), ((0,), 74):
            run = self.launch(names, ranks=3, options=("--slots", "2"), bad=bad)
            programs = self.started_programs(run, 4)
            for victim in victims:
                run.kill_rank(victim)
            for program in programs:
                self.assertTrue(has_ended(program, DEADLINE), f"a program lives on, when {victims} were killed")
            self.assertEqual(run.wait().code, code)

    def test_a_task_may_run_a_program_that_is_one_of_ours_itself(self):
        # It has MPI, and would report to the launcher, if it took itself for a rank.
        names = self.write("names", ["one", "two", "three"])
        bad = self.write("bad", ["run task 7"])
        inner = f"{WORKLIST} archive={self.base / 'inner.dat'} arguments={names} ledger={self.base / 'inner'}"
        for launch in (), None:
            for command in f"{inner} failing={names}; test $? = 1", inner:
                outcome = self.start(TASKS, 3, launch=launch, bad=bad, command=command, env={"TASKER_SLOTS": "1"}).wait()
                self.assert_complete(outcome)
                self.archive.unlink()
            self.assertEqual(len(read_lines(self.base / "inner")), 6)
            (self.base / "inner").unlink()
            (self.base / "inner.dat").unlink()

    def test_rank_0_that_is_killed_ends_all_and_the_next_run_goes_on(self):
        run = self.launch()
        self.until_called(run, 50)
        run.kill_rank(0)
        outcome = run.wait()
        self.assertEqual(outcome.code, 74, str(outcome))
        self.assertIn("rank 0 is gone", outcome.err)
        before = len(self.calls())
        outcome = self.launch().wait()
        self.assertLessEqual(before + len(self.calls()), len(TASKS) + 3)
        self.assert_complete(outcome)

    def test_a_launcher_that_is_killed_takes_all_along(self):
        run = self.launch(sleep_us=20000)
        self.until_called(run, 50)
        run.process.kill()
        self.assertEqual(run.wait().code, -signal.SIGKILL)  # it also waits for the ranks
        self.assert_complete(self.launch().wait())

    def test_without_any_worker_the_run_stops(self):
        run = self.launch(ranks=3)
        self.until_called(run, 20)
        run.kill_rank(1)
        run.kill_rank(2)
        outcome = run.wait()
        self.assertEqual(outcome.code, 75, str(outcome))
        self.assertIn("no rank is left to compute", outcome.err)
        self.assert_complete(self.launch().wait())

    def test_a_task_that_kills_rank_after_rank_is_given_up(self):
        self.write("bad", ["segv task 7"])
        outcome = self.launch(ranks=6, bad=self.base / "bad").wait()
        self.assertEqual(outcome.code, 1, str(outcome))
        self.assertIn("1 of 300 tasks failed\n  task 7: lost: 3 ranks died while computing it", outcome.err)
        self.assertEqual(sorted(self.called()), sorted([*TASKS, "task 7", "task 7"]))
        outcome = self.launch().wait()
        self.assertEqual(self.called(), ["task 7"])
        self.assert_complete(outcome)

    def test_max_lost_says_how_many_ranks_a_task_may_cost(self):
        self.write("bad", ["segv task 7"])
        outcome = self.launch(options=("--max-lost", "1"), bad=self.base / "bad").wait()
        self.assertEqual(outcome.code, 1, str(outcome))
        self.assertIn("lost: 1 rank died", outcome.err)

    def test_a_rank_that_dies_between_maps_is_not_waited_for(self):
        run = self.launch(TASKS[:20], mode="twice", stays=2, wait_for=self.base / "never")
        run.until(self.archive.exists, "the first archive")
        run.kill_rank(2)
        outcome = run.wait()
        self.assertEqual(outcome.code, 0, str(outcome))
        self.assertEqual(len(outcome.lines), 40)

    def test_a_rank_that_dies_before_the_first_map_or_after_the_last_is_not_waited_for(self):
        run = self.launch(TASKS[:20], stays=3, wait_for=self.base / "never")
        run.until(self.archive.exists, "the archive")
        run.kill_rank(3)
        self.assert_complete(run.wait(), TASKS[:20])
        self.archive.unlink()
        run = self.launch(TASKS[:20], dies=1)
        self.assert_complete(run.wait(), TASKS[:20])

    def test_a_frozen_rank_comes_back_and_nothing_is_lost(self):
        run = self.launch()
        self.until_called(run, 50)
        run.kill_rank(2, signal.SIGSTOP)
        # The others go on. It holds two chunks at most, of 40 ms each.
        self.until_called(run, len(TASKS) - 20)
        run.kill_rank(2, signal.SIGCONT)
        outcome = run.wait()
        self.assertEqual(self.called(), sorted(TASKS))
        self.assertNotIn("is gone", outcome.err)
        self.assert_complete(outcome)

    def test_so_it_is_without_the_launcher(self):
        for ranks, victim in (1, 0), (3, 0), (3, 1):
            run = self.start(TASKS, ranks, sleep_us=2000)
            self.until_called(run, 20)
            run.kill_rank(victim, signal.SIGSTOP)
            run.until(lambda: self.is_stopped(run, victim), "its stop")
            run.kill_rank(victim, signal.SIGCONT)
            outcome = run.wait()
            self.assertEqual(self.called(), sorted(TASKS))
            self.assert_complete(outcome)
            self.archive.unlink()

    def is_stopped(self, run, rank):
        pid = next(int(line.split()[1]) for line in read_lines(self.pids) if line.startswith(f"{rank} "))
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"

    def test_exit_codes_are_those_of_rank_0(self):
        few = TASKS[:5]
        self.assertEqual(self.launch(few).wait().code, 0)
        self.archive.unlink()
        self.write("failing", few[:1])
        outcome = self.launch(few, failing=self.base / "failing").wait()
        self.assertEqual(outcome.code, 1, str(outcome))
        self.assertEqual(self.launch(few, options=("--retries", "x")).wait().code, 2)
        outcome = self.launch(few, throws=2).wait()
        self.assertEqual(outcome.code, 1, str(outcome))
        self.assertIn("no luck on this rank", outcome.err)
        outcome = self.launch(few, archive=self.base / "none" / "list.dat").wait()
        self.assertEqual(outcome.code, 74, str(outcome))

    def test_a_rank_that_ends_before_all_have_met_is_not_waited_for(self):
        for how in "dies_at_start", "ends_at_start":
            outcome = self.launch(TASKS[:5], **{how: 2}).wait()
            self.assertEqual(outcome.code, 74, str(outcome))
            self.assertIn("rank 2 ended before all ranks had met", outcome.err)

    def test_a_program_that_ends_before_it_makes_a_tasker_has_its_own_exit_code(self):
        outcome = self.launch(TASKS[:5], exits=7).wait()
        self.assertEqual(outcome.code, 7, str(outcome))

    def test_signals_reach_the_ranks(self):
        for number, said in (signal.SIGUSR1, "stopped by SIGUSR1"), (signal.SIGTERM, "stopped by a signal"):
            run = self.launch(sleep_us=50000)
            self.until_called(run, 20)
            run.process.send_signal(number)
            outcome = run.wait()
            self.assertEqual(outcome.code, 75, str(outcome))
            self.assertIn(said, outcome.err)
            self.calls()
        self.assert_complete(self.launch(sleep_us=0).wait())

    def test_under_nohup_nobody_minds_a_hangup(self):
        few = TASKS[:120]
        for env in {}, {"TASKER_ISOLATION": "process"}:
            run = self.launch(few, sleep_us=50000, env=env, launched_by=("setsid", "nohup"))
            self.until_called(run, 10)
            os.killpg(run.process.pid, signal.SIGHUP)  # as a shell does whose terminal is closed
            outcome = run.wait()
            self.assertEqual(self.called(), sorted(few))
            self.assert_complete(outcome, few)
            self.archive.unlink()

    def test_how_mpirun_ends_is_known_where_the_parent_ignored_the_ends_of_its_children(self):
        ignore = lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        outcome = self.tool("launch", "--mpirun", "--nonsense", "true", preexec_fn=ignore)
        self.assertEqual(outcome.returncode, 74, str(outcome))

    def test_what_is_no_program_of_ours_is_told(self):
        outcome = self.tool("launch", "-n", "2", "true")
        self.assertEqual(outcome.returncode, 1)
        self.assertIn("no program that uses Tasker was heard of", outcome.stderr)
        for program in "./nowhere", "nowhere", ".":
            outcome = self.tool("launch", "-n", "2", program)
            self.assertEqual(outcome.returncode, 2)
            self.assertIn("cannot run " + program, outcome.stderr)
        outcome = self.tool("launch", "--nothing", "true")
        self.assertEqual(outcome.returncode, 2)
        self.assertIn("there is no option --nothing", outcome.stderr)
        for usage in (), ("launch",), ("launch", "-n", "0", "true"), ("nothing",):
            outcome = self.tool(*usage)
            self.assertEqual(outcome.returncode, 2, outcome)
            self.assertEqual(outcome.stdout, "")
        outcome = self.tool("launch", "--help")
        self.assertEqual(outcome.returncode, 0)
        self.assertIn("Example: tasker launch -n 8", outcome.stdout)
        outcome = self.tool("launch", "--dry-run", "-n", "2", "--retries", "3", "true", "-n", "7")
        self.assertEqual(outcome.returncode, 0)
        self.assertRegex(outcome.stdout, "^mpirun .*-n 2 .*-x TASKER_RETRIES.* true -n 7\n$")

    def test_a_program_may_stand_behind_two_dashes_and_has_all_that_follows_it(self):
        for arguments, expected in (
            (("-n", "2", "--", "true", "-n", "7"), "true -n 7"),
            (("--", "true", "--", "-x"), "true -- -x"),
            (("true", "--", "-x"), "true -- -x"),
        ):
            outcome = self.tool("launch", "--dry-run", *arguments)
            self.assertEqual(outcome.returncode, 0, outcome)
            self.assertTrue(outcome.stdout.endswith(f" {expected}\n"), outcome.stdout)
        for usage in ("launch", "--"), ("launch", "--", "--nothing"), ("--", "true"):
            self.assertEqual(self.tool(*usage).returncode, 2)

    def test_what_a_dry_run_prints_can_be_typed(self):
        words = ["a b", "", "it's", "$HOME", "x;y", "*", "\n", "-n", "a=b"]
        outcome = self.tool("launch", "--dry-run", "printf", *words)
        self.assertEqual(shlex.split(outcome.stdout)[-len(words):], words)
        self.assertIn(" printf 'a b' '' ", outcome.stdout)

    def test_a_system_that_fails_is_told_from_a_task_that_has_failed(self):
        # A job's history is kept in the working directory, which is gone.
        gone = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" launch --requeue 3 true'
        outcome = subprocess.run(["sh", "-c", gone, TOOL], env=self.environment({"SLURM_JOB_ID": 99}), cwd=self.base,
                                 timeout=DEADLINE, capture_output=True, text=True)
        self.assertEqual(outcome.returncode, 74, outcome)
        self.assertIn("tasker-99.history", outcome.stderr)

    def test_the_version_is_told(self):
        outcome = self.tool("--version")
        self.assertEqual(outcome.returncode, 0)
        self.assertRegex(outcome.stdout, r"^tasker \d+\.\d+\.\d+\n$")

    def test_plain_mpirun_ends_all_and_says_what_would_not(self):
        # With the second's grace that mpirun gives by default.
        run = self.start(TASKS, 4, sleep_us=50000, env={"OMPI_MCA_odls_base_sigkill_timeout": 1})
        self.until_called(run, 50)
        run.kill_rank(2)
        outcome = run.wait()
        self.assertNotEqual(outcome.code, 0)
        self.assertIn("start it by `tasker launch`", outcome.err)


if __name__ == "__main__":
    unittest.main()
