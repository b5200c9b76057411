"""What fails, fails for everybody, once, soon, and without loss."""
import itertools
import os
import re
import shutil
import signal
import time
import unittest

from support import *

NAMES = [f"task {i}" for i in range(30)]
BAD = ["task 3", "task 20"]


class Failures(WorklistTest):
    def failing(self, names):
        return {"failing": self.write("failing", names)}

    def test_a_failed_task_costs_only_itself_and_is_tried_again(self):
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                outcome = self.run_map(NAMES, ranks=ranks, code=1, **self.failing(BAD))
                self.assertEqual(self.called(), sorted(NAMES))
                self.assertIn("2 of 30 tasks failed", outcome.err)
                self.assertIn("task 3: std::runtime_error: cannot do task 3", outcome.err)
                self.assertEqual(outcome.err.count("tasks failed"), 1, str(outcome))
                self.assertFalse(self.archive.exists())
                self.run_map(NAMES, ranks=ranks, code=1, **self.failing(BAD))
                self.assertEqual([(c.argument, c.attempt) for c in sorted(self.calls(), key=lambda c: c.argument)],
                                 [("task 20", 2), ("task 3", 2)])
                outcome = self.run_map(NAMES, ranks=ranks, **self.failing([]))
                self.assertEqual({c.attempt for c in self.calls()}, {3})
                self.assertEqual({line["argument"]: line["attempts"] for line in outcome.lines if line["attempts"] > 1},
                                 {"task 3": 3, "task 20": 3})
                self.assertEqual(archive_results(self.archive), self.serial(NAMES)[1])
                self.archive.unlink()

    def test_a_failed_task_does_not_command_the_terminal_but_its_text_is_kept(self):
        name = "\x1b[2J"
        for ranks in (1, 3):
            outcome = self.run_map([name], ranks=ranks, code=1, **self.failing([name]))
            self.assertIn("cannot do \\x1b[2J", outcome.err)
            self.assertNotIn("\x1b", outcome.err)
            self.assertTrue(any(b"cannot do \x1b[2J" in journal.read_bytes() for journal in self.directory.glob("*.journal")))

    def test_stop_hands_out_nothing_more(self):
        arguments = ["bad", *NAMES * 10]
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                outcome = self.run_map(arguments, ranks=ranks, code=1, sleep_us=1000, **self.failing(["bad"]),
                                       env={"TASKER_ON_FAILURE": "stop"})
                first = self.calls()
                self.assertLess(len(first), len(arguments))
                self.assertIn("tasks failed", outcome.err)
                self.run_map(arguments, ranks=ranks, **self.failing([]), env={"TASKER_ON_FAILURE": "stop"})
                second = self.calls()
                self.assertEqual(len(first) + len(second), len(arguments) + 1)
                self.archive.unlink()

    def test_as_many_failures_as_may_be_stop_the_map_and_the_next_run_goes_on(self):
        arguments = [f"task {i}" for i in range(300)]
        bad = arguments[5:300:10]
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                env = {"TASKER_MAX_FAILED": "3", "TASKER_RETRIES": "1"}
                outcome = self.run_map(arguments, ranks=ranks, code=1, sleep_us=2000, env=env, **self.failing(bad))
                self.assertRegex(outcome.err, r"\d of 300 tasks failed, at which the map stops \(max_failed\); \d+ tasks")
                first = self.calls()
                failed = [c.argument for c in first if c.argument in bad and c.attempt == 2]
                self.assertGreaterEqual(len(failed), 3)
                self.assertLess(len(set(c.argument for c in first)), 300)
                self.run_map(arguments, ranks=ranks, env=env)
                computed = {c.argument for c in first} - set(bad)
                self.assertEqual(self.called(), sorted(set(arguments) - computed))
                self.archive.unlink()

    def test_keep_writes_an_archive_with_holes_that_a_rerun_computes(self):
        keep = {"TASKER_ON_FAILURE": "keep"}
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                outcome = self.run_map(NAMES, ranks=ranks, env=keep, **self.failing(BAD))
                self.assertEqual([NAMES[i] for i, r in enumerate(outcome.results) if r is None], BAD)
                self.assertFalse(self.directory.exists())
                self.calls()
                self.assertEqual(self.load().results, outcome.results)
                self.run_map(NAMES, ranks=ranks, env=keep, **self.failing(BAD[:1]))
                self.assertEqual([(c.argument, c.attempt) for c in sorted(self.calls(), key=lambda c: c.argument)],
                                 [("task 20", 2), ("task 3", 2)])
                self.run_map(NAMES, ranks=ranks, **self.failing([]))
                self.assertEqual([(c.argument, c.attempt) for c in self.calls()], [("task 3", 3)])
                self.assertEqual(archive_results(self.archive), self.serial(NAMES)[1])
                self.archive.unlink()


class Retries(WorklistTest):
    """What fails is tried again: elsewhere first, later, or not at all."""

    def failing(self, names):
        return {"failing": self.write("failing", names)}

    def attempts(self, name):
        return sorted((call for call in self.calls() if call.argument == name), key=lambda call: call.attempt)

    def test_each_rank_tries_before_one_tries_again(self):
        for env in {}, {"TASKER_ISOLATION": "process"}:
            with self.subTest(env=env):
                env = {**env, "TASKER_RETRIES": "4"}
                self.run_map(NAMES, ranks=4, code=1, env=env, **self.failing(["task 3"]))
                attempts = self.attempts("task 3")
                self.assertEqual([call.attempt for call in attempts], [1, 2, 3, 4, 5])
                self.assertEqual(sorted(call.rank for call in attempts[:3]), [1, 2, 3])
                outcome = self.run_map(NAMES, ranks=4)
                self.assertEqual([call.attempt for call in self.calls()], [6])
                self.assertEqual(outcome.results, self.serial(NAMES)[0])
                self.archive.unlink()

    def test_a_process_that_is_alone_tries_again_itself(self):
        self.run_map(NAMES, code=1, env={"TASKER_RETRIES": "2"}, **self.failing(BAD))
        calls = self.calls()
        for name in BAD:
            self.assertEqual([call.attempt for call in calls if call.argument == name], [1, 2, 3])

    def test_a_failed_task_waits_before_it_is_tried_again_and_others_go_on(self):
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                env = {"TASKER_RETRIES": "2", "TASKER_RETRY_AFTER": "400ms"}
                begin = time.monotonic()
                self.run_map(NAMES, ranks, code=1, env=env, **self.failing(["task 0"]))
                self.assertGreaterEqual(time.monotonic() - begin, 0.4 + 0.8)
                calls = [(call.argument, call.attempt) for call in self.calls()]
                self.assertEqual(sorted(calls[:30]), sorted((name, 1) for name in NAMES))
                self.assertEqual(calls[30:], [("task 0", 2), ("task 0", 3)])
                self.run_map(NAMES, ranks)
                self.calls()
                self.archive.unlink()

    def test_a_rank_where_all_fails_that_succeeds_elsewhere_gets_no_more_tasks(self):
        names = [f"task {i}" for i in range(300)]
        env = {"TASKER_RETRIES": "1"}
        outcome = self.run_map(names, 3, env=env, sleep_us=5000, failing_on=1, **self.failing(names))
        self.assertEqual(outcome.results, self.serial(names)[0])
        self.assertEqual(len(re.findall(r"rank 1 on \S+ gets no more tasks", outcome.err)), 1, str(outcome))
        self.assertEqual(outcome.err.count("gets no more tasks"), 1, str(outcome))
        calls = self.calls()
        self.assertLess(len([call for call in calls if call.rank == 1]), 100)
        self.assertEqual({call.argument for call in calls if call.rank == 2}, set(names))


class Discord(WorklistTest):
    """Ranks that don't do the same: one message, never a hang."""

    def check(self, expected, ranks=3, **settings):
        outcome = self.start(NAMES, ranks, **settings).wait()
        self.assertNotIn(outcome.code, (0, None), str(outcome))
        messages = [line for line in outcome.err.splitlines() if line.startswith("tasker: rank")
                    or line.startswith("tasker: ranks")]
        self.assertEqual(len(messages), 1, str(outcome))
        self.assertRegex(messages[0], expected)
        return outcome

    def test_a_rank_that_throws_alone(self):
        self.check("rank 2: no luck on this rank", throws=2)

    def test_rank_0_throws_alone(self):
        outcome = self.start(NAMES, 3, throws=0).wait()
        self.assertEqual(outcome.code, 1, str(outcome))
        self.assertEqual(outcome.err.count("no luck on this rank"), 1, str(outcome))

    def test_what_is_thrown_is_told_whatever_it_is(self):
        for how, code, expected in (("null", 1, "tasker: what() is null\n"),
                                    ("nested", 2, "tasker: step 7 failed: cannot open mesh.h5\n")):
            for ranks in (1, 2):
                with self.subTest(how=how, ranks=ranks):
                    outcome = self.run_map(NAMES, ranks=ranks, code=code, throws=0, how=how)
                    self.assertEqual(outcome.err.count(expected), 1, str(outcome))

    def test_a_rank_that_returns_early(self):
        self.check("rank 2 ended while rank 0 called map", early=2)

    def test_rank_0_returns_early(self):
        self.check("rank [12] called map on .*list.dat, which rank 0 did not", early=0)

    def test_ranks_that_call_different_maps(self):
        self.check(r"ranks call different maps.*list\.dat.*rank 1: map 1 on .*list\.dat\.other", other=1)

    def test_a_rank_that_throws_while_another_is_busy(self):
        self.check("rank 1: late trouble", throws_after=1, stays=2, wait_for=self.base / "never")

    def test_what_all_ranks_find_before_they_know_each_other_is_told_once(self):
        outcome = self.run_map(NAMES, ranks=3, code=2, mode="unthreaded")
        self.assertEqual(outcome.err.count("MPI was initialised without thread support"), 1, str(outcome))


class Ends(WorklistTest):
    """A task ends its process in the midst of a map."""

    def test_a_task_that_exits_is_named_and_is_no_success(self):
        for ranks, mode in itertools.product((1, 3), ("map", "static")):
            for how in "exit", "exit_75", "quick_exit":
                with self.subTest(ranks=ranks, mode=mode, how=how):
                    bad = self.write("bad", [f"{how} task 20"])
                    outcome = self.run_map(NAMES, ranks, code=1, mode=mode, bad=bad)
                    # Another rank may be given it before mpirun has ended all.
                    self.assertIn("task 20 ended the process, by exit", outcome.err)
                    first = self.called()
                    self.run_map(NAMES, ranks)
                    second = self.called()
                    if ranks == 1:
                        self.assertEqual(sorted(first + second), sorted(NAMES + ["task 20"]))
                    self.archive.unlink()

    def test_a_program_that_exits_between_its_maps_is_its_own_affair(self):
        for how in "exit", "exit_75":
            self.run_map(NAMES, code=75 if how == "exit_75" else 0, ends=how)
            self.archive.unlink()

    def test_a_task_whose_message_is_very_long(self):
        outcome = self.run_map(NAMES, code=1, bad=self.write("bad", ["shout task 3"]))
        self.assertIn("task 3: std::runtime_error: the solver said: ...", outcome.err)


class Limits(WorklistTest):
    """What the shell or a task has set for the process."""

    def test_a_limit_on_the_size_of_files_ends_the_run_and_loses_nothing(self):
        limit = ["bash", "-c", 'ulimit -f 6000 && exec "$@"', "bash"]
        for ranks, env in itertools.product((1, 2), ({}, {"TASKER_SLOTS": 2})):
            with self.subTest(ranks=ranks, env=env):
                settings = {"result": "large", "size": 1500000, "env": env}
                outcome = self.start(NAMES[:9], ranks, wrapper=limit, **settings).wait()
                self.assertEqual(outcome.code, 74, str(outcome))
                self.assertRegex(outcome.err, r"cannot write .*\.journal: File too large; raise the limit .*ulimit -f")
                first = self.called()
                recorded = [line for line in self.load(**settings).lines if line["result"] is not None]
                self.assertEqual(len(recorded), 4, str(outcome))
                self.run_map(NAMES[:9], ranks, **settings)
                self.assertEqual(len(self.called()), 9 - len(recorded))
                self.assertGreater(len(first), len(recorded))
                self.archive.unlink()

    def test_what_a_task_makes_of_the_umask_is_of_no_consequence(self):
        mask = os.umask(0)
        os.umask(mask)
        for ranks, env in itertools.product((1, 3), ({}, {"TASKER_ISOLATION": "process"})):
            with self.subTest(ranks=ranks, env=env):
                bad = self.write("bad", ["umask task 1"])
                failing = self.write("failing", ["task 2"])
                self.run_map(NAMES, ranks, code=1, bad=bad, failing=failing, env=env)
                modes = {path.name: path.stat().st_mode & 0o777 for path in self.directory.rglob("*") if path.is_file()}
                self.assertEqual(set(modes.values()), {0o600}, modes)
                self.run_map(NAMES, ranks, bad=self.write("bad", ["umask task 2"]), env=env, mode="twice")
                for archive in self.archive, self.place / "list.dat.second":
                    self.assertEqual(archive.stat().st_mode & 0o777, 0o666 & ~mask)
                    archive.unlink()

    def test_a_name_that_leaves_no_room_for_the_directorys(self):
        before = tree(self.place)
        for length in 252, 255, 256:
            outcome = self.run_map(NAMES, code=2, archive=self.place / ("n" * length))
            self.assertIn(f"the name {self.place / ('n' * length)} is too long", outcome.err)
        deep = self.place / "/".join(["d" * 250] * 16)
        self.assertIn("is too long", self.run_map(NAMES, code=2, archive=deep).err)
        self.assertEqual(tree(self.place), before)
        self.run_map(NAMES, archive=self.place / ("n" * 251))



class Several(WorklistTest):
    def test_several_functions_on_one_file_are_told(self):
        warning = "these results are of another function, or of other captured values"
        for ranks in 1, 3:
            outcome = self.run_map(NAMES, ranks, mode="factors")
            self.assertEqual(outcome.results, [1, 2, 3])
            self.assertEqual(outcome.err.count(warning), 2, str(outcome))
            self.assertEqual(outcome.err.count("3 tasks: 3 reused"), 3, str(outcome))
            self.archive.unlink()


class Copies(WorklistTest):
    """What a copy of a rank's process does that was forked is neither the rank's end nor its result."""

    def test_a_copy_that_a_task_has_forked_ends_as_itself(self):
        results = self.serial(NAMES)[0]
        for ranks, mode, env in itertools.product((1, 3), ("map", "static"), ({}, {"TASKER_SLOTS": 2})):
            for how in "fork_exit", "fork_throw", "fork_return":
                with self.subTest(ranks=ranks, mode=mode, env=env, how=how):
                    bad = self.write("bad", [f"{how} task 3"])
                    outcome = self.run_map(NAMES, ranks, mode=mode, env=env, bad=bad)
                    self.assertEqual(self.called(), sorted(NAMES))
                    self.assertEqual(outcome.results, results)
                    came_back = "a process that was forked in task 3 came back out of it"
                    self.assertEqual(outcome.err.count(came_back), how != "fork_exit" and not env, str(outcome))
                    self.assertEqual("there is no such solver" in outcome.err, how == "fork_throw" and not env)
                    self.archive.unlink()

    def test_a_copy_that_the_program_has_forked_ends_as_itself(self):
        for ranks in 1, 3:
            for how in "fork_exit", "fork_throw", "fork_return":
                with self.subTest(ranks=ranks, how=how):
                    outcome = self.run_map(NAMES, ranks, forks=how)
                    self.assertEqual(len(outcome.results), len(NAMES))
                    came_back = "a process that was forked in the body of tasker::run came back out of it"
                    self.assertEqual(outcome.err.count(came_back), 0 if how == "fork_exit" else ranks, str(outcome))
                    self.archive.unlink()
            outcome = self.run_map(NAMES, ranks, mode="static", forks="fork_exit")
            self.assertEqual(len(outcome.results), len(NAMES))
            self.archive.unlink()


class Environment(WorklistTest):
    def test_an_unknown_variable_is_named_with_its_nearest(self):
        outcome = self.run_map(NAMES, ranks=2, env={"TASKER_PROGRES": "off"})
        self.assertEqual(outcome.err.count("unknown variable TASKER_PROGRES; did you mean TASKER_PROGRESS?"), 1)

    def test_a_malformed_value_ends_before_anything_is_touched(self):
        before = tree(self.place)
        for variable, value, wanted in (("TASKER_SEED", "7x", "a whole number is wanted"),
                                        ("TASKER_ON_FAILURE", "ignore", "finish or stop or keep is wanted"),
                                        ("TASKER_INPUTS", "12", "32 hexadecimal digits")):
            for ranks in (1, 2):
                outcome = self.run_map(NAMES, ranks=ranks, code=2, env={variable: value})
                self.assertIn(f"{variable}={value}: ", outcome.err)
                self.assertIn(wanted, outcome.err)
        self.assertEqual(tree(self.place), before)
        self.assertEqual(self.calls(), [])

    def test_silence_is_silence(self):
        self.assertEqual(self.run_map(NAMES, ranks=2, env={"TASKER_PROGRESS": "off"}).err, "")

    def test_a_dry_run_touches_nothing(self):
        dry = {"TASKER_DRY_RUN": 1, "TASKER_PROGRESS": "off"}

        def dry_run(expected, arguments):
            before = tree(self.place)
            outcome = self.run_map(arguments, env=dry)
            self.assertIn(expected, outcome.out)
            self.assertEqual(tree(self.place), before)
            self.assertEqual(self.calls(), [])

        dry_run("30 tasks: 0 would be reused, 30 computed", NAMES)
        run = self.start(NAMES[:20] + ["wait"], wait_for=self.base / "never", sleep_us=1000)
        run.until(lambda: len(read_lines(self.ledger)) == 21, "the last task")
        run.kill()
        self.calls()
        dry_run("30 tasks: 20 would be reused, 10 computed, in about", NAMES)
        self.run_map(NAMES, env={"TASKER_KEEP_DIRECTORY": 1})
        self.calls()
        dry_run("31 tasks: 30 would be reused, 1 computed", ["new", *NAMES])
        # A finished archive, and a directory beside it that a run would remove.
        dry_run("30 tasks: 30 would be reused, 0 computed", NAMES)
        outcome = self.run_map(NAMES, env=dry, mode="twice")
        self.assertIn("list.dat: 30 tasks: 30 would be reused, 0 computed\n", outcome.out)
        self.assertIn("list.dat.second: 30 tasks: 0 would be reused, 30 computed\n", outcome.out)

    def test_singletons_are_refused(self):
        outcome = self.run_map(NAMES, code=2, env={"SLURM_STEP_NUM_TASKS": 4})
        self.assertIn("srun --mpi=pmix", outcome.err)
        self.assertEqual(self.calls(), [])
        self.run_map(NAMES, env={"SLURM_NTASKS": 4})


class Held(WorklistTest):
    def holding(self, **others):
        run = self.start(["wait", "a"], wait_for=self.base / "now", **others)
        run.until(lambda: any(line.endswith(" wait") for line in read_lines(self.ledger)), "a task at its wait")
        return run

    def test_a_directory_held_by_a_live_run(self):
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                holder = self.holding(ranks=ranks, env={"SLURM_JOB_ID": 4711})
                pid = dict(line.split() for line in read_lines(self.pids))["0"]
                other = self.run_map(["wait", "a"], ranks=ranks, code=75, wait_for=self.base / "now",
                                     pids=self.base / "other_pids", env={"TASKER_JOIN": "never"})
                self.assertIn(f"process {pid} on host {os.uname().nodename}, Slurm job 4711", other.err)
                self.assertEqual(other.err.count("is held by another run"), 1, str(other))
                (self.base / "now").touch()
                self.assertEqual(holder.wait().code, 0)
                self.assertEqual(self.called(), ["a", "wait"])
                (self.base / "now").unlink()
                self.archive.unlink()

    def test_a_directory_that_is_removed_under_a_run(self):
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                # Much longer than a beat, which notices it.
                run = self.start(NAMES * 10, ranks=ranks, sleep_us=50000)
                run.until(lambda: len(list(self.directory.glob("*.journal"))) == max(ranks - 1, 1), "all journals")
                while self.directory.exists():
                    shutil.rmtree(self.directory, ignore_errors=True)
                outcome = run.wait()
                self.assertEqual(outcome.code, 75, str(outcome))
                self.assertEqual(outcome.err.count("has been removed"), 1, str(outcome))

    def test_a_directory_that_is_removed_before_the_first_record(self):
        run = self.holding()
        shutil.rmtree(self.directory)
        (self.base / "now").touch()
        outcome = run.wait()
        self.assertEqual(outcome.code, 75, str(outcome))
        self.assertIn("has been removed", outcome.err)

    def test_a_dead_holder_is_taken_over_at_once(self):
        self.holding(ranks=2).kill()
        self.assertTrue(list(self.directory.glob("*.fence")))
        (self.base / "now").touch()
        self.run_map(["wait", "a"], wait_for=self.base / "now")

    def test_a_stopped_holder_is_alive(self):
        holder = self.holding()
        holder.process.send_signal(signal.SIGSTOP)
        self.run_map(code=75, pids=self.base / "other_pids", env={"TASKER_JOIN": "never"})
        holder.process.send_signal(signal.SIGCONT)
        (self.base / "now").touch()
        self.assertEqual(holder.wait().code, 0)


class Requeue(WorklistTest):
    """Failures that stand, and failures that get a new chance."""

    def test_a_requeued_job_that_has_no_record_yet_begins(self):
        requeued = {"SLURM_JOB_ID": "77", "SLURM_RESTART_COUNT": "1"}
        for ranks in 1, 2:
            self.run_map(["a", "b"], ranks, env=requeued)
            self.assertEqual(self.called(), ["a", "b"])
            self.archive.unlink()

    def test_a_requeued_job_does_not_try_again_what_failed_in_it_but_a_person_does(self):
        names = [f"task {i}" for i in range(20)]
        bad = {"failing": self.write("failing", names[3:5])}
        job = {"SLURM_JOB_ID": "77"}
        requeued = {**job, "SLURM_RESTART_COUNT": "1"}
        for ranks in 1, 3:
            with self.subTest(ranks=ranks):
                self.run_map(names, ranks, env=job, code=1, **bad)
                self.calls()
                outcome = self.run_map(names, ranks, env=requeued, code=1)
                self.assertEqual(self.called(), [])
                self.assertIn("0 to compute, 2 failed before and stay so", outcome.err)
                self.assertIn("2 of 20 tasks failed\n  task 3: std::runtime_error: cannot do task 3", outcome.err)
                # With retries left it goes on to try.
                self.run_map(names, ranks, env={**requeued, "TASKER_RETRIES": "1"}, code=1, **bad)
                self.assertEqual(self.called(), sorted(names[3:5] * 2))
                # Another job, and a person without any, begin afresh.
                for env in {**requeued, "SLURM_JOB_ID": "78"}, {}:
                    self.run_map(names, ranks, env=env, code=1, **bad)
                    self.assertEqual(self.called(), sorted(names[3:5]))
                outcome = self.run_map(names, ranks)
                self.assertEqual(self.called(), sorted(names[3:5]))
                self.assertEqual(outcome.results, self.serial(names)[0])
                self.archive.unlink()

    def test_what_no_other_attempt_can_mend_is_tried_once_in_a_job_but_again_by_a_person(self):
        names = [f"task {i}" for i in range(20)]
        bad = {"bad": self.write("bad", ["permanent task 3"])}
        for ranks, env in itertools.product((1, 3), ({}, {"TASKER_ISOLATION": "process"})):
            with self.subTest(ranks=ranks, env=env):
                env = {**env, "TASKER_RETRIES": "5", "SLURM_JOB_ID": "77"}
                outcome = self.run_map(names, ranks, env=env, code=1, **bad)
                self.assertEqual(self.called(), sorted(names))
                self.assertIn("1 of 20 tasks failed\n  task 3: tasker::Permanent: there is no such file", outcome.err)
                self.run_map(names, ranks, env={**env, "SLURM_RESTART_COUNT": "1"}, code=1, **bad)
                self.assertEqual(self.called(), [])
                self.run_map(names, ranks, env={**env, "SLURM_JOB_ID": "78"}, code=1, **bad)
                self.assertEqual([(call.argument, call.attempt) for call in self.calls()], [("task 3", 2)])
                self.run_map(names, ranks)
                self.assertEqual([(call.argument, call.attempt) for call in self.calls()], [("task 3", 3)])
                self.archive.unlink()


if __name__ == "__main__":
    unittest.main()
