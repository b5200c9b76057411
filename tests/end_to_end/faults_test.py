"""A disk that fails at any call, and kill -9 at any call: nothing is lost, the next run completes.

By default one call of each kind is tried, once for all maps, with TASKER_EVERY=1 every one:

    TASKER_EVERY=1 ctest -R faults --verbose
"""
import collections
import os
import re
import unittest

from faults import *

EVERY = os.environ.get("TASKER_EVERY", "0") != "0"

# Only the rank named in $RANK is disturbed.
DISTURBED = """#!/bin/sh
[ "$OMPI_COMM_WORLD_RANK" = "$RANK" ] && export LD_PRELOAD="$FAULTS"
exec "$@"
"""


class Faults(FaultsTest):
    def sweep(self, make, faults_of):
        # Behind a finished archive other things count.
        fresh = None if make in (self.fresh, self.tidy) else self.fresh()
        scenario = make()
        figures = collections.Counter()
        slowest = 0
        for step in scenario.steps if EVERY else scenario.some_steps(but=fresh):
            for what in faults_of[step.name]:
                with self.subTest(step=step.number, name=step.name, path=step.path, what=what):
                    verdict = Verdict(scenario, step.number, what)
                    if verdict.problems:
                        self.fail(str(verdict))
                    figures["tried"] += verdict.step is not None
                    figures["ended by it"] += verdict.outcome.code != 0
                    figures["recomputed"] += verdict.recomputed
                    slowest = max(slowest, verdict.seconds)
        text = ", ".join(f"{count} {what}" for what, count in figures.items())
        print(f"{scenario.name}: {len(scenario.steps)} calls of {len(scenario.kinds_of_steps())} kinds; {text}; "
              f"the slowest end took {slowest:.2f} s", flush=True)

    def test_errors_in_a_fresh_map(self):
        self.sweep(self.fresh, ERRORS)

    def test_errors_where_records_are_to_survive_a_loss_of_power(self):
        self.sweep(self.power, ERRORS)

    def test_errors_where_journals_are_folded_and_an_archive_imported(self):
        self.sweep(self.crowded, ERRORS)

    def test_errors_behind_a_finished_archive(self):
        self.sweep(self.tidy, ERRORS)

    def test_kills_in_a_fresh_map(self):
        self.sweep(self.fresh, KILLS)

    def test_kills_where_records_are_to_survive_a_loss_of_power(self):
        self.sweep(self.power, KILLS)

    def test_kills_where_journals_are_folded_and_an_archive_imported(self):
        self.sweep(self.crowded, KILLS)

    def test_kills_behind_a_finished_archive(self):
        self.sweep(self.tidy, KILLS)

    def test_no_call_that_changes_anything_escapes_the_faults(self):
        """What strace sees and what the preloaded library saw."""
        harmless = {"openat", "newfstatat", "statfs", "read", "mmap", "getdents64", "fcntl", "close", "lseek"}
        for make in (self.fresh, self.power, self.crowded, self.tidy):
            scenario = make()
            scenario.restore()
            trace = self.base / "trace"
            _, steps = scenario.run(wrapper=["strace", "-f", "-y", "-qq", "-o", trace, "-e", "trace=%file,%desc"])
            seen = collections.Counter()
            for line in read_lines(trace):
                called = re.match(r"\d+ +(\w+)\((.*)\) = \S+ ?(\w*)", line)
                if not called or called[1] == "execve":
                    continue
                name, arguments, error = called.groups()
                # The open file, or the path; of two the second.
                paths = ["".join(path) for path in re.findall(r'^\d+<([^>]*)>|"([^"]*)"', arguments)]
                name = {"renameat2": "rename"}.get(name, name)
                path = paths[-1 if name in ("rename", "link") else 0] if paths else ""
                if path.endswith(".fence/removed") and name == "rename":
                    name, path = "unlink", paths[0]
                if name == "openat" and re.search("O_CREAT|O_TMPFILE", arguments):
                    name = "create"
                if not f"{path}/".startswith(f"{self.place}/") or name in harmless or error == "EISDIR":
                    continue
                seen[{"rmdir": "unlink", "unlinkat": "unlink", "pwrite64": "pwrite"}.get(name, name), path] += 1
            caught = collections.Counter(
                ("unlink" if step.name == "remove" else step.name, step.path) for step in steps
                if step.name not in MAY_GO_ON - {"remove", "unlink"} and step.name != "close")
            self.assertGreater(len(seen), 10 if scenario.missing else 5)
            self.assertEqual(seen - caught, caught - seen)

    def test_file_systems_that_can_not_rename_without_replacing_and_have_no_hard_links(self):
        go = self.base / "go"
        for links in ("hard", "none", "symbolic"):
            env = {"LD_PRELOAD": FAULTS, "FAULTS_BELOW": self.place, "FAULTS_LINKS": links}
            with self.subTest(links=links):
                self.run_map(NAMES[:4], env=env)
                self.assertTrue(self.archive.is_file() and not self.archive.is_symlink())
                self.assertEqual(os.listdir(self.place), [self.archive.name])
                self.assertEqual(archive_results(self.archive), self.serial(NAMES[:4])[1])
                self.archive.unlink()
                # What comes there meanwhile stays all the same.
                run = self.start(["wait"], wait_for=go, env=env)
                run.until(self.ledger.exists, "the task")
                self.archive.write_text("notes\n")
                go.touch()
                self.assertEqual(run.wait().code, 2)
                self.assertEqual(self.archive.read_text(), "notes\n")
                self.archive.unlink()
                self.run_map(["wait"], env=env, wait_for=go)
                self.archive.unlink()
                go.unlink()
                self.calls()

    def test_after_a_failed_sync_the_next_run_writes_anew_what_it_relies_upon(self):
        scenario = self.power()
        failing = next(step for step in scenario.steps if step.name == "fdatasync" and step.path.endswith("-0.journal"))
        verdict = Verdict(scenario, failing.number, "EIO")
        self.assertEqual(verdict.outcome.code, 74, str(verdict))
        self.assertEqual(verdict.problems, [])
        doubtful = verdict.step.path
        calls = [(step.name, step.path) for step in verdict.steps_again]
        fold = next(path for name, path in calls if name == "rename" and path.endswith("-fold.journal"))
        unfinished = next(path for name, path in calls if name == "create" and path.endswith("-fold.journal"))
        journal = next(path for name, path in calls if name == "create" and path.endswith("-0.journal"))
        order = [calls.index(call) for call in (
            ("mmap", doubtful), ("fdatasync", unfinished), ("rename", fold), ("remove", doubtful), ("create", journal))]
        self.assertEqual(order, sorted(order))

    def ranks(self, rank, **faults):
        """Settings for it."""
        disturbed = self.base / "disturbed"
        disturbed.write_text(DISTURBED)
        disturbed.chmod(0o755)
        return {"wrapper": [disturbed], "env": {"RANK": rank, "FAULTS": FAULTS, "FAULTS_BELOW": self.place,
                                                "FAULTS_LOG": self.base / "log", **faults}}

    def test_an_error_on_one_rank_ends_all_alike(self):
        names = NAMES[:20]
        settings = {"arguments": names, "ranks": 3, "sleep_us": 20000}  # so long that each worker has some
        power = {"TASKER_DURABILITY": "power"}
        log = self.base / "log"
        steps = {}
        for rank in (0, 1):
            self.run_map(**settings, **self.ranks(rank, **power))
            steps[rank] = read_log(log)
            log.unlink()
            self.archive.unlink()
        undisturbed = self.serial(names)[1]
        self.calls()
        for rank, like, name, path, what in (
                (1, 1, "create", ".journal", "EDQUOT"), (2, 1, "writev", ".journal", "ENOSPC+"),
                (1, 1, "fdatasync", ".journal", "EIO"), (0, 0, "fsync", "archive.unfinished", "EIO")):
            with self.subTest(rank=rank, name=name, what=what):
                at = next(step.number for step in steps[like] if step.name == name and step.path.endswith(path))
                outcome = self.run_map(code=74, **settings, **self.ranks(rank, FAULTS_AT=at, FAULTS_DO=what, **power))
                self.assertRegex(outcome.err, f"cannot .*{self.place}/list.dat.*{path}: {describe(what)}")
                self.assertEqual(outcome.err.count("cannot"), 1, str(outcome))
                wrong_at, = {step.wrong_at for step in read_log(log) if step.number == at}
                print(f"rank {rank}, {name}: {(time.monotonic_ns() - wrong_at) / 1e9:.2f} s", flush=True)
                log.unlink()
                first = self.calls()
                self.run_map(**settings)
                # Only the last task of that rank has no record.
                last = [call.argument for call in first if call.rank == rank][-1:]
                self.assertLessEqual({call.argument for call in first} & set(self.called()), set(last))
                self.assertEqual(archive_results(self.archive), undisturbed)
                self.assertEqual(os.listdir(self.place), [self.archive.name])
                self.archive.unlink()


if __name__ == "__main__":
    unittest.main()
