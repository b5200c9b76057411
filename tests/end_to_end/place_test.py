"""Disks that are full, read-only or not the same everywhere."""
import os
import re
import shutil
import struct
import unittest

from support import *

# Bytes of one result; by hand also 3 << 30, with TMPDIR where there is room.
LARGE = int(os.environ.get("TASKER_LARGE", 40 << 20))
NAMES = [f"task {i}" for i in range(40)]

if os.geteuid() == 0:
    with_own_mounts()


class Disk(WorklistTest):
    def test_a_missing_parent_directory(self):
        for ranks in (1, 3):
            outcome = self.run_map(NAMES, ranks=ranks, code=74, archive=self.place / "no" / "list.dat")
            self.assertRegex(outcome.err, r"work/no/list\.dat\.mpi: No such file")
            self.assertEqual(outcome.err.count("cannot"), 1, str(outcome))
        self.assertEqual(self.calls(), [])

    @needs_root
    def test_a_read_only_file_system(self):
        self.mount("ro")
        for ranks in (1, 3):
            outcome = self.run_map(NAMES, ranks=ranks, code=74)
            self.assertRegex(outcome.err, r"list\.dat\.mpi: Read-only file system; choose a place")

    def test_a_directory_without_permission(self):
        self.place.chmod(0o555)
        outcome = self.run_map(NAMES, code=74, **(self.for_user() if os.geteuid() == 0 else {}))
        self.assertRegex(outcome.err, r"list\.dat\.mpi: Permission denied; choose a place")

    @needs_root
    def test_a_disk_that_fills_up_loses_nothing(self):
        self.mount("size=2m")
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                # 5 MB of results.
                self.mount("remount,size=2m")
                outcome = self.run_map(NAMES, ranks=ranks, code=74, result="large")
                self.assertRegex(outcome.err, r"No space left on device; free some space")
                self.calls()
                recorded = [line["argument"] for line in self.load(result="large").lines if line["result"] is not None]
                self.assertGreater(len(recorded), 0)
                # Room for the records, not for the archive beside them.
                self.mount("remount,size=8m")
                outcome = self.run_map(NAMES, ranks=ranks, code=74, result="large")
                self.assertRegex(outcome.err, r"it needs up to \d+ bytes, there are \d+")
                self.assertEqual(self.called(), sorted(set(NAMES) - set(recorded)))
                self.assertFalse(self.archive.exists())
                self.mount("remount,size=32m")
                self.run_map(NAMES, ranks=ranks, result="large")
                self.assertEqual(self.called(), [])
                self.assertEqual(archive_results(self.archive), self.serial(NAMES, result="large")[1])
                self.archive.unlink()


@needs_root
class OrdinaryUser(WorklistTest):
    """What root may do everywhere, others may not."""

    def setUp(self):
        super().setUp()
        self.user = self.for_user()
        os.chown(self.place, 65534, 65534)

    def half_done(self):
        """A run that ended with half of the records."""
        self.run_map(NAMES, code=1, failing=self.write("failing", NAMES[20:]), sleep_us=1000,
                     env={"TASKER_ON_FAILURE": "stop"}, **self.user)
        self.calls()

    def assert_goes_on(self, computed, **settings):
        self.run_map(NAMES, **settings, **self.user)
        self.assertEqual(self.called(), computed)
        self.assertEqual(archive_results(self.archive), self.serial(NAMES, **settings)[1])
        self.assertEqual(list(self.place.iterdir()), [self.archive])

    def test_a_small_disk_fills_up_and_is_cleared(self):
        """Something else takes the room: all of it, or so much that the run ends later and later."""
        self.mount("size=1m,mode=1777")
        size, page = 10000, os.sysconf("SC_PAGE_SIZE")
        results = self.serial(NAMES, result="large", size=size)[1]
        stages = set()
        for left in (0, page, 2 * page, 3 * page, 4 * page, 64 * page, 130 * page):
            with self.subTest(left=left):
                weight = self.place / "weight"
                weight.write_bytes(bytes(shutil.disk_usage(self.place).free - left))
                outcome = self.run_map(NAMES, code=74, result="large", size=size, sleep_us=1000, **self.user)
                self.assertRegex(outcome.err, rf"{self.archive}.*(: No space left on device|there are \d+); free some")
                weight.unlink()
                # Before the first record, in the middle, or when it comes to the archive.
                first = [call.argument for call in self.calls()]
                all_recorded = "it needs up to" in outcome.err
                stages.add("archive" if all_recorded else "record" if first else "start")
                self.run_map(NAMES, result="large", size=size, **self.user)
                self.assertEqual(self.called(), sorted(set(NAMES) - set(first if all_recorded else first[:-1])))
                self.assertEqual(archive_results(self.archive), results)
                self.assertEqual(list(self.place.iterdir()), [self.archive])
                self.archive.unlink()
        self.assertEqual(stages, {"start", "record", "archive"})

    def test_a_directory_that_has_become_read_only(self):
        # Without its parent the run goes on as far as to the archive's name.
        for entry, computed, left in ((self.directory, [], NAMES[20:]), (self.place, NAMES[20:], [])):
            with self.subTest(entry=entry.name):
                self.half_done()
                entry.chmod(0o555)
                outcome = self.run_map(NAMES, code=74, **self.user)
                self.assertRegex(outcome.err, rf"cannot .*{self.archive}.*: Permission denied; choose a place")
                self.assertEqual(self.called(), computed)
                entry.chmod(0o755)
                self.assert_goes_on(left)
                self.archive.unlink()

    def test_a_directory_of_somebody_else(self):
        self.half_done()
        os.chown(self.directory, 0, 0)
        self.directory.chmod(0o700)
        before = tree(self.directory)
        outcome = self.run_map(NAMES, code=74, **self.user)
        self.assertRegex(outcome.err, rf"cannot .*{self.directory}.*: Permission denied; choose a place")
        self.assertEqual(self.calls(), [])
        self.assertEqual(tree(self.directory), before)

    def test_records_that_may_not_be_read(self):
        self.half_done()
        journal, = self.directory.glob("*.journal")
        journal.chmod(0)
        outcome = self.run_map(NAMES, code=74, **self.user)
        self.assertRegex(outcome.err, rf"cannot open {journal}: Permission denied")
        self.assertEqual(self.calls(), [])
        journal.chmod(0o600)
        self.assert_goes_on(NAMES[20:])


@needs_root
class NodeLocal(WorklistTest):
    def test_records_of_ranks_that_do_not_see_the_directory_travel_to_rank_0(self):
        for hidden in ([2], [1, 2, 3]):
            for result in ("text", "large"):
                with self.subTest(hidden=hidden, result=result):
                    # A rank looks for the directory for half a second; there is work left for it afterwards.
                    outcome = self.run_map(NAMES, ranks=4, result=result, sleep_us=40000, **self.hidden(hidden))
                    self.assertEqual(self.called(), sorted(NAMES))
                    self.assertEqual({line["computed_by"] for line in outcome.lines}, {1, 2, 3})
                    said = re.findall(r"rank (\d) on (\S+) does not see (\S+): its results travel to rank 0", outcome.err)
                    self.assertEqual(len(said), 1, str(outcome))
                    self.assertEqual(said[0][1:], (os.uname().nodename, str(self.directory)))
                    self.assertIn(int(said[0][0]), hidden)
                    self.assertEqual(archive_results(self.archive), self.serial(NAMES, result=result)[1])
                    self.archive.unlink()

    def test_a_result_larger_than_any_message_travels_too(self):
        # Messages have parts of 16 MiB; what comes with a result in its message takes less than 300 bytes.
        for size in [LARGE] + [(1 << 24) + near for near in (-300, -200, -100, 0)]:
            with self.subTest(size=size):
                self.run_map(["one"], ranks=2, result="large", size=size, results="", **self.hidden([1]))
                text = b"one:0" + size * b"x"
                expected = (len(text) + 8, b"", struct.pack("<Q", len(text)) + text)
                self.assertTrue(archive_results(self.archive) == expected)
                self.archive.unlink()

    def test_such_a_rank_is_told_when_it_reads_results_and_not_before(self):
        # The first map's results are the arguments of a second one, which only rank 0 reads.
        outcome = self.run_map(NAMES, ranks=3, mode="twice", **self.hidden([2]))
        self.assertEqual(len(outcome.results), 2 * len(NAMES))
        outcome = self.run_map(NAMES, ranks=3, code=74, reads=2, **self.hidden([2]))
        self.assertRegex(outcome.err, r"rank 2: this rank can't see .*list\.dat, which rank 0 wrote")

    def test_after_a_kill_nothing_that_was_recorded_is_lost(self):
        arguments = NAMES + ["wait", "wait"]
        hidden = self.hidden([1, 2])
        run = self.start(arguments, ranks=3, sleep_us=1000, wait_for=self.base / "never", **hidden)
        run.until(lambda: len(read_lines(self.ledger)) == len(arguments), "the last tasks")
        run.until(lambda: sum(r is not None for r in self.load(archive=self.directory).results) == len(NAMES),
                   "all records with rank 0")
        run.kill()
        self.calls()
        (self.base / "now").touch()
        self.run_map(arguments, ranks=2, wait_for=self.base / "now")
        self.assertEqual(self.called(), ["wait", "wait"])

    def test_a_full_disk_under_rank_0(self):
        self.mount("size=2m")
        outcome = self.run_map(NAMES, ranks=3, code=74, result="large", **self.hidden([1, 2]))
        self.assertRegex(outcome.err, r"No space left on device; free some space")
        self.calls()
        recorded = [line["argument"] for line in self.load(result="large").lines if line["result"] is not None]
        self.mount("remount,size=32m")
        self.run_map(NAMES, ranks=3, result="large", **self.hidden([1, 2]))
        self.assertEqual(self.called(), sorted(set(NAMES) - set(recorded)))


if __name__ == "__main__":
    unittest.main()
